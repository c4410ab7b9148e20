"""Tables, secrets, parameters, buckets and state machines of a stack: every property is done, or refused by its name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server
from tests.contract.test_stack_replacements import apply

KEYS: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def table(**properties: Any) -> dict[str, Any]:
    return {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {**KEYS, **properties}}}


def indexed(*names: str, projection: str = "ALL") -> dict[str, Any]:
    return {
        "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each in ("id", *names)],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": each,
                "KeySchema": [{"AttributeName": each, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": projection},
            }
            for each in names
        ],
    }


def refused(server: Server, name: str, resources: dict[str, Any]) -> str:
    """Update a stack and return why that failed; it is as it was."""
    stacks = server.client("cloudformation")
    stacks.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    told = stacks.describe_stacks(StackName=name)["Stacks"][0]
    assert told["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    return str(told["StackStatusReason"])


class TestTable:
    def test_items_stay_while_everything_around_them_changes(self, server: Server) -> None:
        dynamodb = server.client("dynamodb")
        expiry = {"AttributeName": "until", "Enabled": True}
        encrypted = {"TimeToLiveSpecification": expiry, "SSESpecification": {"SSEEnabled": True}}
        name = apply(server, "create", "table", table(**encrypted), Name={"Ref": "T"})["Name"]
        assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": "until",
        }
        assert dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"]["Status"] == "ENABLED"
        dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})
        changed = table(
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": "3", "WriteCapacityUnits": 2},
            StreamSpecification={"StreamViewType": "NEW_IMAGE"},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            DeletionProtectionEnabled=True,
            Tags=[{"Key": "team", "Value": "a"}],
        )
        stream = {"Fn::GetAtt": "T.StreamArn"}
        first = apply(server, "update", "table", changed, Name={"Ref": "T"}, Stream=stream)
        assert first["Name"] == name
        told = dynamodb.describe_table(TableName=name)["Table"]
        assert told["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
        assert told["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
        assert (told["LatestStreamArn"], told["DeletionProtectionEnabled"]) == (first["Stream"], True)
        expires = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert expires["TimeToLiveStatus"] == "DISABLED"
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert dynamodb.list_tags_of_resource(ResourceArn=told["TableArn"])["Tags"] == [
            {"Key": "team", "Value": "a"}
        ]
        # Another view is another stream.
        other = table(StreamSpecification={"StreamViewType": "KEYS_ONLY"})
        second = apply(server, "update", "table", other, Stream=stream)
        assert second["Stream"] != first["Stream"]
        assert dynamodb.scan(TableName=name)["Count"] == 1
        server.client("cloudformation").delete_stack(StackName="table")
        assert name not in dynamodb.list_tables()["TableNames"]

    def test_index_comes_and_goes_one_at_a_time(self, server: Server) -> None:
        dynamodb = server.client("dynamodb")
        name = apply(server, "create", "indexes", table(), Name={"Ref": "T"})["Name"]

        def there() -> list[str]:
            told = dynamodb.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
            return [each["IndexName"] for each in told]

        apply(server, "update", "indexes", table(**indexed("a")))
        assert there() == ["a"]
        both = table(**indexed("b", "c"))
        assert "more than one GSI creation or deletion" in refused(server, "indexes", both)
        other = table(**indexed("a", projection="KEYS_ONLY"))
        assert "Cannot update GSI's properties other than" in refused(server, "indexes", other)
        assert there() == ["a"]
        apply(server, "update", "indexes", table())
        assert there() == []
        server.client("cloudformation").delete_stack(StackName="indexes")

    def test_another_key_makes_another_table(self, server: Server) -> None:
        first = apply(server, "create", "keys", table(), Name={"Ref": "T"})["Name"]
        keys = {
            "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
        }
        second = apply(server, "update", "keys", table(**keys), Name={"Ref": "T"})["Name"]
        names = server.client("dynamodb").list_tables()["TableNames"]
        assert second in names
        assert first not in names
        server.client("cloudformation").delete_stack(StackName="keys")

    def test_table_with_a_name_of_its_own_is_not_replaced(self, server: Server) -> None:
        keys = {
            "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
        }
        apply(server, "create", "own", table(TableName="own"))
        assert "Rename own and update the stack again" in refused(
            server, "own", table(TableName="own", **keys)
        )
        assert "own" in server.client("dynamodb").list_tables()["TableNames"]
        server.client("cloudformation").delete_stack(StackName="own")

    def test_property_that_is_not_emulated_is_refused_by_name(self, server: Server) -> None:
        apply(server, "create", "named", table())
        asked = table(ContributorInsightsSpecification={"Enabled": True})
        assert "does not emulate the property ContributorInsightsSpecification" in refused(
            server, "named", asked
        )
        assert "extraneous key [Nonsense]" in refused(server, "named", table(Nonsense=1))
        server.client("cloudformation").delete_stack(StackName="named")


class TestSecret:
    TEMPLATE = json.dumps({"username": "admin"})

    def secret(self, **wish: Any) -> dict[str, Any]:
        generated = {"SecretStringTemplate": self.TEMPLATE, "GenerateStringKey": "password", **wish}
        return {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generated}}

    def value(self, server: Server, arn: str) -> dict[str, str]:
        told = server.client("secretsmanager").get_secret_value(SecretId=arn)
        found: dict[str, str] = json.loads(told["SecretString"])
        return found

    def test_generated_value_stays_until_it_is_asked_for_in_another_way(self, server: Server) -> None:
        digits = {"PasswordLength": "24", "ExcludePunctuation": True, "ExcludeLowercase": "true"}
        arn = apply(server, "create", "secret", {"S": self.secret(**digits)}, Arn={"Ref": "S"})["Arn"]
        first = self.value(server, arn)
        assert first["username"] == "admin"
        assert re.fullmatch("[A-Z0-9]{24}", first["password"])
        described = self.secret(**digits)
        described["Properties"]["Description"] = "of the database"
        apply(server, "update", "secret", {"S": described})
        assert self.value(server, arn) == first
        apply(server, "update", "secret", {"S": self.secret(PasswordLength=9)})
        assert len(self.value(server, arn)["password"]) == 9
        server.client("cloudformation").delete_stack(StackName="secret")
        assert server.client("secretsmanager").list_secrets()["SecretList"] == []

    def test_function_gets_what_a_dynamic_reference_names(self, server: Server) -> None:
        server.client("ssm").put_parameter(Name="/shop/currency", Value="EUR", Type="String")
        variables = {
            "PASSWORD": {"Fn::Sub": "{{resolve:secretsmanager:${S}:SecretString:password}}"},
            "CURRENCY": "in {{resolve:ssm:/shop/currency:1}}",
        }
        function = {
            "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
            "Role": ROLE,
            "Handler": "index.handler",
            "Runtime": "python3.12",
            "Environment": {"Variables": variables},
        }
        resources = {"S": self.secret(), "F": {"Type": "AWS::Lambda::Function", "Properties": function}}
        told = apply(server, "create", "resolved", resources, S={"Ref": "S"}, F={"Ref": "F"})
        given = server.client("lambda").get_function_configuration(FunctionName=told["F"])["Environment"]
        assert given["Variables"] == {
            "PASSWORD": self.value(server, told["S"])["password"],
            "CURRENCY": "in EUR",
        }
        server.client("cloudformation").delete_stack(StackName="resolved")

    @pytest.mark.parametrize(
        ("reference", "sentence"),
        [
            ("{{resolve:ssm:/nowhere}}", "ParameterNotFound"),
            ("{{resolve:secretsmanager:nowhere}}", "ResourceNotFoundException"),
            ("{{resolve:secretsmanager:told:SecretString:colour}}", "JSONKey in SecretString: colour"),
            ("{{resolve:vault:x}}", "the services are ssm, ssm-secure and secretsmanager"),
        ],
        ids=["parameter", "secret", "key", "service"],
    )
    def test_reference_without_a_value_fails_the_stack(
        self, server: Server, reference: str, sentence: str
    ) -> None:
        secrets = server.client("secretsmanager")
        secrets.create_secret(Name="told", SecretString=self.TEMPLATE)
        stacks = server.client("cloudformation")
        parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": reference}}
        stacks.create_stack(StackName="none", TemplateBody=json.dumps({"Resources": {"P": parameter}}))
        told = stacks.describe_stacks(StackName="none")["Stacks"][0]
        assert told["StackStatus"] == "ROLLBACK_COMPLETE"
        assert sentence in told["StackStatusReason"]
        stacks.delete_stack(StackName="none")
        secrets.delete_secret(SecretId="told", ForceDeleteWithoutRecovery=True)

    def test_secure_parameter_is_refused_where_aws_refuses_it(self, server: Server) -> None:
        properties = {"Type": "String", "Value": "{{resolve:ssm-secure:/x}}"}
        body = {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": properties}}}
        sentence = "SSM Secure reference is not supported in: [AWS::SSM::Parameter/Properties/Value]"
        with pytest.raises(ClientError, match=re.escape(sentence)):
            server.client("cloudformation").create_stack(StackName="no", TemplateBody=json.dumps(body))


def test_parameter_without_a_name_gets_one_and_keeps_it(server: Server) -> None:
    ssm = server.client("ssm")

    def parameter(value: str, **tags: str) -> dict[str, Any]:
        properties = {"Type": "String", "Value": value, "Tags": tags}
        return {"P": {"Type": "AWS::SSM::Parameter", "Properties": properties}}

    name = apply(server, "create", "params", parameter("one", a="1", b="2"), Name={"Ref": "P"})["Name"]
    told = apply(
        server,
        "update",
        "params",
        parameter("two", b="3"),
        Name={"Ref": "P"},
        Value={"Fn::GetAtt": "P.Value"},
    )
    assert told == {"Name": name, "Value": "two"}
    assert ssm.get_parameter(Name=name)["Parameter"]["Version"] == 2
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    assert tags == [{"Key": "b", "Value": "3"}]
    server.client("cloudformation").delete_stack(StackName="params")


def test_state_machine_takes_an_object_and_an_object_of_s3(server: Server) -> None:
    s3, workflows = server.client("s3"), server.client("stepfunctions")
    s3.create_bucket(Bucket="definitions")
    text = "StartAt: A\nStates:\n  A: {Type: Task, Resource: '${Worker}', End: true}\n"
    s3.put_object(Bucket="definitions", Key="one.yaml", Body=text)

    def machine(**definition: Any) -> dict[str, Any]:
        substitutions = {"Worker": "arn:aws:lambda:us-east-1:000000000000:function:worker"}
        properties = {"RoleArn": ROLE, "DefinitionSubstitutions": substitutions, **definition}
        return {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}

    location = {"Bucket": "definitions", "Key": "one.yaml"}
    arn = apply(server, "create", "machine", machine(DefinitionS3Location=location), Arn={"Ref": "M"})["Arn"]
    told = json.loads(workflows.describe_state_machine(stateMachineArn=arn)["definition"])
    assert told["States"]["A"]["Resource"].endswith(":function:worker")
    written = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": "${Worker}", "End": True}}}
    again = apply(server, "update", "machine", machine(Definition=written), Arn={"Ref": "M"})["Arn"]
    told = json.loads(workflows.describe_state_machine(stateMachineArn=arn)["definition"])
    assert (again, told["StartAt"]) == (arn, "B")
    server.client("cloudformation").delete_stack(StackName="machine")


def test_stream_changes_in_place_and_goes_on_demand(server: Server) -> None:
    kinesis = server.client("kinesis")

    def stream(**properties: Any) -> dict[str, Any]:
        return {"S": {"Type": "AWS::Kinesis::Stream", "Properties": properties}}

    def told(name: str) -> dict[str, Any]:
        summary: dict[str, Any] = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return summary

    encryption = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    first = stream(ShardCount="1", RetentionPeriodHours=48, StreamEncryption=encryption)
    made = apply(server, "create", "stream", first, Name={"Ref": "S"}, Arn={"Fn::GetAtt": "S.Arn"})
    name = made["Name"]
    assert (told(name)["RetentionPeriodHours"], told(name)["EncryptionType"]) == (48, "KMS")
    assert told(name)["StreamARN"] == made["Arn"]
    apply(server, "update", "stream", stream(ShardCount=2, Tags=[{"Key": "a", "Value": "b"}]))
    after = told(name)
    assert (after["OpenShardCount"], after["RetentionPeriodHours"], after["EncryptionType"]) == (
        2,
        24,
        "NONE",
    )
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "a", "Value": "b"}]
    apply(server, "update", "stream", stream(StreamModeDetails={"StreamMode": "ON_DEMAND"}))
    assert told(name)["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    other = stream(Name="other", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    apply(server, "update", "stream", other)
    assert kinesis.list_streams()["StreamNames"] == ["other"]
    server.client("cloudformation").delete_stack(StackName="stream")
    assert kinesis.list_streams()["StreamNames"] == []


class TestBucket:
    def bucket(self, **properties: Any) -> dict[str, Any]:
        return {"B": {"Type": "AWS::S3::Bucket", "Properties": properties}}

    def test_settings_come_and_go_with_the_template(self, server: Server) -> None:
        s3 = server.client("s3")
        settings = {
            "VersioningConfiguration": {"Status": "Enabled"},
            "CorsConfiguration": {
                "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "30"}]
            },
            "Tags": [{"Key": "a", "Value": 1}],
        }
        name = apply(server, "create", "settings", self.bucket(**settings), Name={"Ref": "B"})["Name"]
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 30
        assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "1"}]
        apply(server, "update", "settings", self.bucket(Tags=[{"Key": "b", "Value": "2"}]))
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
        with pytest.raises(ClientError, match="NoSuchCORSConfiguration"):
            s3.get_bucket_cors(Bucket=name)
        assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "b", "Value": "2"}]
        server.client("cloudformation").delete_stack(StackName="settings")

    def test_bucket_with_objects_keeps_its_stack(self, server: Server) -> None:
        stacks, s3 = server.client("cloudformation"), server.client("s3")
        name = apply(server, "create", "holding", self.bucket(), Name={"Ref": "B"})["Name"]
        s3.put_object(Bucket=name, Key="k", Body=b"x")
        stacks.delete_stack(StackName="holding")
        told = stacks.describe_stacks(StackName="holding")["Stacks"][0]
        assert told["StackStatus"] == "DELETE_FAILED"
        assert "not empty" in told["StackStatusReason"]
        s3.delete_object(Bucket=name, Key="k")
        stacks.delete_stack(StackName="holding")
        assert name not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_policies_of_buckets_and_topics_are_put_and_taken(server: Server) -> None:
    s3, sns = server.client("s3"), server.client("sns")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Sid": "mine"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    there = {"B": {"Type": "AWS::S3::Bucket"}, "T": {"Type": "AWS::SNS::Topic"}}
    policies = {
        "BP": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": document},
        },
        "TP": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [{"Ref": "T"}], "PolicyDocument": document},
        },
    }
    told = apply(server, "create", "policies", {**there, **policies}, B={"Ref": "B"}, T={"Ref": "T"})
    assert json.loads(s3.get_bucket_policy(Bucket=told["B"])["Policy"]) == document
    policy = sns.get_topic_attributes(TopicArn=told["T"])["Attributes"]["Policy"]
    assert json.loads(policy) == document
    apply(server, "update", "policies", there)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=told["B"])
    assert "mine" not in sns.get_topic_attributes(TopicArn=told["T"])["Attributes"]["Policy"]
    server.client("cloudformation").delete_stack(StackName="policies")
