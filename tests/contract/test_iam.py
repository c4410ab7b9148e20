"""``--enforce-iam``: signatures are verified, and identity, role and resource policies decide."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from lambda_sandbox.packaging import package
from tests.contract.conftest import Server
from tests.contract.iam_stage import ACCOUNT, ECHO, OTHER, TRUST, allow, deploy, role, root, user
from tests.contract.iam_stage import guarded as guarded
from tests.refusals import refused

CALLS = """
import boto3, os
from botocore.exceptions import ClientError

def handler(event, context):
    client = boto3.client(event["service"])
    try:
        answer = getattr(client, event["call"])(**event["with"])
    except ClientError as error:
        return error.response["Error"]
    return {"Arn": answer.get("Arn"), "Key": os.environ["AWS_ACCESS_KEY_ID"][:4]}
"""


def fetch(address: str, data: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
    """Return status, headers and body of a request that nobody signed, or of an address that carries its signature."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_keys_that_nobody_has_and_wrong_secrets_are_refused(guarded: Server) -> None:
    unknown = guarded.client("lambda", aws_access_key_id="AKIAUNKNOWN000000000")
    assert refused(unknown.list_functions)[:2] == ("UnrecognizedClientException", 403)
    wrong = guarded.client("lambda", aws_access_key_id=ACCOUNT, aws_secret_access_key="guess")
    assert refused(wrong.list_functions)[:2] == ("InvalidSignatureException", 403)
    wrong_s3 = guarded.client("s3", aws_access_key_id=ACCOUNT, aws_secret_access_key="guess")
    assert refused(wrong_s3.list_buckets)[:2] == ("SignatureDoesNotMatch", 403)
    status, headers, _ = fetch(f"{guarded.endpoint}/2015-03-31/functions/")
    assert (status, headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_a_user_may_do_what_a_policy_allows_and_the_history_names_the_missing_statement(
    guarded: Server,
) -> None:
    arn = deploy(guarded, "mine")
    deploy(guarded, "others")
    keys = user(guarded, "ann", allow("lambda:InvokeFunction", arn))
    client = guarded.client("lambda", **keys)
    assert json.load(client.invoke(FunctionName="mine", Payload=b'{"a":1}')["Payload"]) == {"a": 1}
    other = arn.replace("mine", "others")
    assert refused(client.invoke, FunctionName="others") == (
        "AccessDeniedException",
        403,
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: lambda:InvokeFunction on resource: "
        f"{other} because no identity-based policy allows the lambda:InvokeFunction action",
    )
    assert refused(client.list_functions)[0] == "AccessDeniedException"
    with urllib.request.urlopen(f"{guarded.endpoint}/_sandbox/history") as answer:
        denials = json.load(answer)["denials"]
    why = next(each["why"] for each in denials if each["resource"] == other)
    assert f"allows lambda:InvokeFunction on {other}" in why
    assert f"allows the action, but on {arn}" in why


def test_policies_of_groups_and_managed_policies_count_and_a_deny_wins(guarded: Server) -> None:
    deploy(guarded, "shared")
    keys = user(guarded, "bob")
    client, iam = guarded.client("lambda", **keys), root(guarded, "iam")
    assert refused(client.get_function, FunctionName="shared")[0] == "AccessDeniedException"
    iam.create_group(GroupName="readers")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("lambda:Get*")]})
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document)
    iam.add_user_to_group(GroupName="readers", UserName="bob")
    assert client.get_function(FunctionName="shared")["Configuration"]["FunctionName"] == "shared"
    managed = iam.create_policy(
        PolicyName="no-reading",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": "lambda:GetFunction", "Resource": "*"}],
            }
        ),
    )
    iam.attach_user_policy(UserName="bob", PolicyArn=managed["Policy"]["Arn"])
    message = refused(client.get_function, FunctionName="shared")[2]
    assert message.endswith("with an explicit deny in an identity-based policy")
    assert client.get_function_configuration(FunctionName="shared")["FunctionName"] == "shared"


def test_a_function_acts_as_its_role(guarded: Server) -> None:
    root(guarded, "s3").create_bucket(Bucket="data")
    arn = role(guarded, "reader", allow("s3:ListBucket", "arn:aws:s3:::data"))
    deploy(guarded, "calls", CALLS, Role=arn)

    def call(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        event = json.dumps({"service": service, "call": operation, "with": parameters}).encode()
        answer = root(guarded, "lambda").invoke(FunctionName="calls", Payload=event)
        result: dict[str, Any] = json.load(answer["Payload"])
        return result

    assert call("sts", "get_caller_identity") == {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/calls",
        "Key": "ASIA",
    }
    assert call("s3", "list_objects_v2", Bucket="data")["Key"] == "ASIA"
    assert call("s3", "put_object", Bucket="data", Key="k", Body="")["Code"] == "AccessDenied"
    denied = call("dynamodb", "list_tables")
    assert denied["Code"] == "AccessDeniedException"
    assert "assumed-role/reader/calls is not authorized to perform: dynamodb:ListTables" in denied["Message"]
    root(guarded, "iam").put_role_policy(
        RoleName="reader",
        PolicyName="more",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("dynamodb:*")]}),
    )
    assert call("dynamodb", "list_tables")["Key"] == "ASIA"


def test_a_function_cannot_take_the_root_users_place(guarded: Server) -> None:
    source = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    keys = {"aws_access_key_id": event["key"], "aws_secret_access_key": "sandbox", "aws_session_token": None}
    client = boto3.session.Session(**keys).client("lambda")
    try:
        client.list_functions()
    except ClientError as error:
        return error.response["Error"]["Code"]
"""
    deploy(guarded, "climber", source)
    client = root(guarded, "lambda")
    for key in (ACCOUNT, OTHER):
        answer = client.invoke(FunctionName="climber", Payload=json.dumps({"key": key}))
        assert json.load(answer["Payload"]) == "AccessDeniedException"


def test_a_mapping_needs_a_role_that_may_poll(guarded: Server) -> None:
    queue = root(guarded, "sqs").create_queue(QueueName="polled")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:polled"
    deploy(guarded, "poller", Role=role(guarded, "poller", allow("sqs:ReceiveMessage", arn)))
    client = root(guarded, "lambda")
    create = {"FunctionName": "poller", "EventSourceArn": arn}
    assert refused(client.create_event_source_mapping, **create) == (
        "InvalidParameterValueException",
        400,
        "The function execution role does not have permissions to call DeleteMessage on SQS",
    )
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*", arn)]})
    root(guarded, "iam").put_role_policy(RoleName="poller", PolicyName="all", PolicyDocument=document)
    made = client.create_event_source_mapping(**create)
    root(guarded, "sqs").send_message(QueueUrl=queue, MessageBody="hello")
    client.delete_event_source_mapping(UUID=made["UUID"])


def test_a_stack_is_made_with_the_rights_of_its_account(guarded: Server) -> None:
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": "stacked", "AssumeRolePolicyDocument": TRUST},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": "stacked",
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": "def handler(event, context):\n    return 'made by a stack'\n"},
                },
            },
        }
    }
    stacks = root(guarded, "cloudformation")
    stacks.create_stack(
        StackName="guarded", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    wait_for(
        lambda: stacks.describe_stacks(StackName="guarded")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    )
    answer = root(guarded, "lambda").invoke(FunctionName="stacked")
    assert json.load(answer["Payload"]) == "made by a stack"


def test_accounts_are_apart_in_the_neighbours_too(guarded: Server) -> None:
    first, second = root(guarded, "sqs"), root(guarded, "sqs", OTHER)
    first.create_queue(QueueName="apart")
    assert "QueueUrls" not in second.list_queues(QueueNamePrefix="apart")
    made = second.create_queue(QueueName="apart")["QueueUrl"]
    assert f"/{OTHER}/apart" in made
    who = root(guarded, "sts", OTHER).get_caller_identity()
    assert who["Account"] == OTHER
    keys = user(
        guarded, "reader", allow("sqs:GetQueueUrl", f"arn:aws:sqs:us-east-1:{OTHER}:apart"), account=OTHER
    )
    limited = guarded.client("sqs", **keys)
    assert limited.get_queue_url(QueueName="apart")["QueueUrl"] == made
    assert refused(limited.list_queues)[1] in (400, 403)


def signed(server: Server, url: str, service: str, keys: dict[str, str], **headers: str) -> dict[str, str]:
    """Return the headers of a POST to ``url`` that is signed for ``service``."""
    request = AWSRequest("POST", url, headers, b"{}")
    credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_an_invoke_signed_for_another_service_needs_its_permission_all_the_same(guarded: Server) -> None:
    arn = deploy(guarded, "sought")
    url = f"{guarded.endpoint}/2015-03-31/functions/sought/invocations"
    keys = user(guarded, "hank")
    for service in ("lambda", "glue"):
        status, _, body = fetch(url, b"{}", **signed(guarded, url, service, keys))
        assert (status, b"is not authorized to perform: lambda:InvokeFunction" in body) == (403, True)
    allowed = user(guarded, "ines", allow("lambda:InvokeFunction", arn))
    assert fetch(url, b"{}", **signed(guarded, url, "lambda", allowed))[0] == 200


def test_a_signed_function_url_knows_who_calls_and_what_they_may(guarded: Server) -> None:
    arn = deploy(guarded, "signed-url")
    client = root(guarded, "lambda")
    address = client.create_function_url_config(FunctionName="signed-url", AuthType="AWS_IAM")["FunctionUrl"]
    host = address.partition("//")[2].rstrip("/")
    via = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    full = user(
        guarded,
        "judy",
        allow("lambda:InvokeFunctionUrl", arn),
        allow("lambda:InvokeFunction", arn, Condition=via),
    )
    half = user(guarded, "karl", allow("lambda:InvokeFunctionUrl", arn))

    def status(keys: dict[str, str] | None) -> int:
        headers = signed(guarded, address, "lambda", keys) if keys else {}
        return fetch(f"{guarded.endpoint}/", b"{}", **{**headers, "Host": host})[0]

    assert (status(full), status(half), status(None)) == (200, 403, 403)
    assert refused(guarded.client("lambda", **full).invoke, FunctionName="signed-url")[1] == 403


def test_a_role_is_assumed_by_whom_it_trusts_and_its_session_policy_narrows_it(guarded: Server) -> None:
    deploy(guarded, "target")
    keys = user(guarded, "carl", allow("sts:AssumeRole"))
    stranger = user(guarded, "dora", allow("sts:AssumeRole"))
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/carl"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    arn = role(guarded, "power", allow("lambda:*"), trust=trust)
    assume = {"RoleArn": arn, "RoleSessionName": "session"}
    assert refused(guarded.client("sts", **stranger).assume_role, **assume)[:2] == ("AccessDenied", 403)
    narrowed = json.dumps({"Version": "2012-10-17", "Statement": [allow("lambda:InvokeFunction")]})
    given = guarded.client("sts", **keys).assume_role(**assume, Policy=narrowed)["Credentials"]
    session = guarded.client(
        "lambda",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert session.invoke(FunctionName="target")["StatusCode"] == 200
    message = refused(session.get_function, FunctionName="target")[2]
    assert message.endswith("because no session policy allows the lambda:GetFunction action")


def test_creating_a_function_needs_the_right_to_pass_its_role(guarded: Server) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/demo"
    client = guarded.client("lambda", **user(guarded, "eve", allow("lambda:CreateFunction")))
    create = {
        "FunctionName": "passed",
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": arn,
        "Code": {"ZipFile": package(ECHO)},
    }
    assert f"iam:PassRole on resource: {arn}" in refused(client.create_function, **create)[2]
    unassumable = "The role defined for the function cannot be assumed by Lambda."
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    for other in (f"arn:aws:iam::{ACCOUNT}:role/nobody", role(guarded, "for-ec2", trust=trust)):
        answer = refused(root(guarded, "lambda").create_function, **{**create, "Role": other})
        assert answer == ("InvalidParameterValueException", 400, unassumable)


def test_another_account_needs_a_permission_on_both_sides(guarded: Server) -> None:
    arn = deploy(guarded, "crossed")
    keys = user(guarded, "fred", allow("lambda:InvokeFunction", arn), account=OTHER)
    client = guarded.client("lambda", **keys)
    message = refused(client.invoke, FunctionName=arn)[2]
    assert message.endswith("because no resource-based policy allows the lambda:InvokeFunction action")
    root(guarded, "lambda").add_permission(
        FunctionName="crossed",
        StatementId="fred",
        Action="lambda:InvokeFunction",
        Principal=f"arn:aws:iam::{OTHER}:user/fred",
    )
    assert client.invoke(FunctionName=arn)["StatusCode"] == 200
    bare = guarded.client("lambda", **user(guarded, "gina", account=OTHER))
    assert refused(bare.invoke, FunctionName=arn)[0] == "AccessDeniedException"


def test_a_service_needs_a_permission_with_its_source(guarded: Server) -> None:
    source = "def handler(event, context):\n    print('called by', event['Records'][0]['Sns']['Message'])\n"
    arn = deploy(guarded, "subscriber", source)
    sns = root(guarded, "sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)

    def denied() -> list[str]:
        with urllib.request.urlopen(f"{guarded.endpoint}/_sandbox/history") as answer:
            return [e["why"] for e in json.load(answer)["denials"] if e["principal"] == "sns.amazonaws.com"]

    sns.publish(TopicArn=topic, Message="lost")
    wait_for(lambda: bool(denied()))
    root(guarded, "lambda").add_permission(
        FunctionName="subscriber",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.publish(TopicArn=topic, Message="heard")

    def logs() -> str:
        with urllib.request.urlopen(f"{guarded.endpoint}/_sandbox/logs?function=subscriber") as answer:
            return "".join(each["message"] for each in json.load(answer)["events"])

    wait_for(lambda: "called by heard" in logs())
    assert "lost" not in logs()


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within ten seconds")


def test_a_function_url_opens_to_everyone_with_both_permissions(guarded: Server) -> None:
    deploy(guarded, "open")
    client = root(guarded, "lambda")
    address = client.create_function_url_config(FunctionName="open", AuthType="NONE")["FunctionUrl"]

    def status() -> int:
        host = address.partition("//")[2].rstrip("/")
        return fetch(f"{guarded.endpoint}/", Host=host)[0]

    assert status() == 403
    client.add_permission(
        FunctionName="open",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert status() == 403
    client.add_permission(
        FunctionName="open",
        StatementId="invoke",
        Action="lambda:InvokeFunction",
        Principal="*",
        InvokedViaFunctionUrl=True,
    )
    assert status() == 200


def test_an_address_signed_ahead_opens_until_it_expires(guarded: Server) -> None:
    s3 = root(guarded, "s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="a b", Body=b"content")
    signer = boto3.session.Session().client(
        "s3",
        endpoint_url=guarded.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="sandbox",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    address = signer.generate_presigned_url(
        "get_object", Params={"Bucket": "presigned", "Key": "a b"}, ExpiresIn=60
    )
    assert fetch(address)[::2] == (200, b"content")
    assert fetch(address.replace("a%20b", "other"))[0] == 403


def test_an_address_signed_ahead_by_the_old_version_is_told_the_new_one(guarded: Server) -> None:
    s3 = root(guarded, "s3")
    s3.create_bucket(Bucket="presigned-of-old")
    s3.put_object(Bucket="presigned-of-old", Key="a", Body=b"content")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned-of-old", "Key": "a"})
    assert "AWSAccessKeyId=" in address  # boto3's own choice in this Region
    status, _, body = fetch(address)
    assert status == 403
    assert b"<Code>InvalidRequest</Code>" in body
    assert b'config=Config(signature_version="s3v4")' in body


def test_without_the_flag_every_key_may_do_everything_in_its_account(server: Server) -> None:
    client = server.client("lambda", aws_access_key_id="AKIAUNKNOWN000000000")
    assert client.list_functions()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_enforcement_without_neighbours_is_refused_at_the_start(
    start_server: Callable[..., Server],
) -> None:
    with pytest.raises(AssertionError, match="--enforce-iam reads users, roles and policies"):
        start_server("--enforce-iam", "--no-neighbours")


def test_the_command_line_invokes_as_the_root_user(guarded: Server) -> None:
    deploy(guarded, "typed")
    command = [sys.executable, "-m", "lambda_sandbox", "invoke", "typed", "--payload", '{"a": 1}']
    answer = subprocess.run(
        [*command, "--endpoint", guarded.endpoint], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(answer.stdout) == {"a": 1}


def test_policies_of_aws_are_there_by_their_names(guarded: Server) -> None:
    iam = root(guarded, "iam")
    role(guarded, "taker")
    here = "arn:aws:iam::aws:policy"
    queue = root(guarded, "sqs").create_queue(QueueName="for-the-taker")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:for-the-taker"
    deploy(guarded, "taker", Role=f"arn:aws:iam::{ACCOUNT}:role/taker", Timeout=5)
    client = root(guarded, "lambda")
    mapping = {"EventSourceArn": arn, "FunctionName": "taker"}
    assert "permissions to call ReceiveMessage" in refused(client.create_event_source_mapping, **mapping)[2]
    attached = f"{here}/service-role/AWSLambdaSQSQueueExecutionRole"
    iam.attach_role_policy(RoleName="taker", PolicyArn=attached)
    found = iam.list_attached_role_policies(RoleName="taker")["AttachedPolicies"]
    assert found == [{"PolicyName": "AWSLambdaSQSQueueExecutionRole", "PolicyArn": attached}]
    made = client.create_event_source_mapping(**mapping)
    client.delete_event_source_mapping(UUID=made["UUID"])
    root(guarded, "sqs").delete_queue(QueueUrl=queue)
    wrong = {"RoleName": "taker", "PolicyArn": f"{here}/AWSLambdaSQSQueueExecutionRole"}  # not its path
    assert refused(iam.attach_role_policy, **wrong)[0] == "NoSuchEntity"


def test_a_role_of_a_template_has_its_policies_and_changes_with_it(guarded: Server) -> None:
    stacks, iam = root(guarded, "cloudformation"), root(guarded, "iam")
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    streams = "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole"

    def template(action: str, *managed: str) -> str:
        policy = {"Version": "2012-10-17", "Statement": [allow(action)]}
        properties = {
            "RoleName": "of-a-stack",
            "AssumeRolePolicyDocument": TRUST,
            "ManagedPolicyArns": list(managed),
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy}],
        }
        return json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}})

    def has() -> tuple[list[str], str]:
        own = iam.get_role_policy(RoleName="of-a-stack", PolicyName="own")["PolicyDocument"]
        found = iam.list_attached_role_policies(RoleName="of-a-stack")["AttachedPolicies"]
        return sorted(each["PolicyArn"] for each in found), own["Statement"][0]["Action"]

    capabilities = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    stacks.create_stack(
        StackName="roles", TemplateBody=template("s3:GetObject", basic, streams), **capabilities
    )
    assert has() == ([basic, streams], "s3:GetObject")
    stacks.update_stack(StackName="roles", TemplateBody=template("sqs:SendMessage", basic), **capabilities)
    assert has() == ([basic], "sqs:SendMessage")
    stacks.delete_stack(StackName="roles")
    assert refused(iam.get_role, RoleName="of-a-stack")[0] == "NoSuchEntity"
