"""What ``cdk bootstrap``, ``cdk deploy`` and Serverless ask of stacks and of the bucket for assets, reduced to their calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server

BUCKET = "cdk-test-assets"
QUEUE = {"Type": "AWS::SQS::Queue"}
ONLY_TLS = {
    "Statement": [
        {
            "Sid": "AllowSSLRequestsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::" + BUCKET, "arn:aws:s3:::" + BUCKET + "/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
    "Version": "2012-10-17",
}
REPOSITORY = {
    "RepositoryName": "cdk-test-images",
    "ImageTagMutability": "IMMUTABLE",
    "LifecyclePolicy": {"LifecyclePolicyText": '{"rules": []}'},
    "RepositoryPolicyText": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "ecr:BatchGetImage",
            }
        ],
    },
}


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def bucket(**properties: Any) -> dict[str, Any]:
    rules = [
        {
            "Id": "CleanupOldVersions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
        {
            "Status": "Enabled",
            "Prefix": "tmp/",
            "TagFilters": [{"Key": "a", "Value": "b"}],
            "ExpirationInDays": 1,
        },
    ]
    settings = {"BucketName": BUCKET, "AccessControl": "Private", "LifecycleConfiguration": {"Rules": rules}}
    return {"Type": "AWS::S3::Bucket", "Properties": settings | properties}


def policy(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Assets"}, "PolicyDocument": document},
    }


@pytest.fixture
def toolkit(server: Server) -> Iterator[Server]:
    """A server with what the bootstrap stack has of its own: a bucket for TLS only, and a repository."""
    stacks = server.client("cloudformation")
    body = template(
        Assets=bucket(),
        AssetsPolicy=policy(ONLY_TLS),
        Images={"Type": "AWS::ECR::Repository", "Properties": REPOSITORY},
    )
    stacks.create_change_set(
        StackName="toolkit",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=body,
        ImportExistingResources=True,
    )
    stacks.execute_change_set(StackName="toolkit", ChangeSetName="first")
    told = stacks.describe_stacks(StackName="toolkit")["Stacks"][0]
    assert told["StackStatus"] == "CREATE_COMPLETE", told.get("StackStatusReason")
    yield server
    s3 = server.client("s3")
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    stacks.delete_stack(StackName="toolkit")


def test_the_bucket_for_assets_keeps_its_rules_and_takes_uploads(toolkit: Server) -> None:
    s3 = toolkit.client("s3")
    old, temporary = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert (old["ID"], old["NoncurrentVersionExpiration"]) == ("CleanupOldVersions", {"NoncurrentDays": 30})
    assert temporary["Expiration"] == {"Days": 1}
    assert temporary["Filter"] == {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}}
    s3.put_object(Bucket=BUCKET, Key="asset.zip", Body=b"code")
    assert s3.get_object(Bucket=BUCKET, Key="asset.zip")["Body"].read() == b"code"


def test_the_repository_has_both_of_its_policies(toolkit: Server) -> None:
    images = toolkit.client("ecr")
    name = REPOSITORY["RepositoryName"]
    (told,) = images.describe_repositories(repositoryNames=[name])["repositories"]
    assert told["imageTagMutability"] == "IMMUTABLE"
    assert images.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == '{"rules": []}'
    assert "lambda.amazonaws.com" in images.get_repository_policy(repositoryName=name)["policyText"]


def test_a_template_is_read_from_the_address_of_the_sandbox_itself(toolkit: Server) -> None:
    stacks, s3 = toolkit.client("cloudformation"), toolkit.client("s3")
    s3.put_object(Bucket=BUCKET, Key="of shop.json", Body=template(Queue=QUEUE))
    at = f"{toolkit.endpoint}/{BUCKET}/of%20shop.json"
    stacks.create_stack(StackName="from-address", TemplateURL=at)
    assert stacks.describe_stacks(StackName="from-address")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete_stack(StackName="from-address")
    for address, why in (
        (f"{toolkit.endpoint}/{BUCKET}/nothing.json", "key does not exist"),
        (f"{toolkit.endpoint}/no-such-bucket/shop.json", "bucket does not exist"),
        ("https://example.com/shop.json", "TemplateURL must be a supported URL"),
    ):
        with pytest.raises(ClientError, match=why):
            stacks.create_stack(StackName="from-nowhere", TemplateURL=address)


def test_what_is_there_already_is_not_imported_into_a_stack(toolkit: Server) -> None:
    stacks = toolkit.client("cloudformation")
    stacks.create_change_set(
        StackName="second",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=template(Assets=bucket()),
        ImportExistingResources=True,
    )
    stacks.execute_change_set(StackName="second", ChangeSetName="first")
    told = stacks.describe_stacks(StackName="second")["Stacks"][0]
    assert told["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"{BUCKET} already exists" in told["StackStatusReason"]
    stacks.delete_stack(StackName="second")


@pytest.mark.parametrize(
    ("statement", "may"),
    [
        (
            {"Effect": "Allow", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            True,
        ),
        ({"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}}, True),
        ({"Effect": "Deny", "Principal": {"AWS": "*"}}, False),
    ],
    ids=["an allow that does not apply", "an allow for a service", "a deny for everyone"],
)
def test_only_what_a_bucket_denies_to_everyone_is_refused(
    server: Server, statement: dict[str, Any], may: bool
) -> None:
    s3, name = server.client("s3"), "with-policy"
    s3.create_bucket(Bucket=name)
    full = {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*", **statement}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [full]}))
    if may:
        s3.put_object(Bucket=name, Key="k", Body=b"1")
        s3.delete_object(Bucket=name, Key="k")
    else:
        with pytest.raises(ClientError, match="403"):
            s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.delete_bucket_policy(Bucket=name)
    s3.delete_bucket(Bucket=name)


def test_names_that_a_stack_makes_are_as_long_as_the_service_allows(server: Server) -> None:
    stacks = server.client("cloudformation")
    name = "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8aFD4BFC8A"
    properties = {
        "Code": {"ZipFile": "def handler(event, context): pass\n"},
        "Handler": "index.handler",
        "Role": ROLE,
        "Runtime": "python3.13",
    }
    body = template(**{name: {"Type": "AWS::Lambda::Function", "Properties": properties}})
    stacks.create_stack(StackName="a-stack-with-a-rather-long-name", TemplateBody=body)
    (made,) = stacks.describe_stack_resources(StackName="a-stack-with-a-rather-long-name")["StackResources"]
    assert made["ResourceStatus"] == "CREATE_COMPLETE"
    assert len(made["PhysicalResourceId"]) == 64
    assert made["PhysicalResourceId"].startswith("a-stack-with-a-rather-lon")
    stacks.delete_stack(StackName="a-stack-with-a-rather-long-name")


def test_an_unneeded_dependency_does_not_make_a_template_invalid(server: Server) -> None:
    stacks = server.client("cloudformation")
    topic = {"Type": "AWS::SNS::Topic", "DependsOn": "Queue", "Properties": {"DisplayName": {"Ref": "Queue"}}}
    stacks.validate_template(TemplateBody=template(Queue=QUEUE, Topic=topic))
    for broken, why in (
        ({"Type": "AWS::SNS::Topic", "DependsOn": "Nobody"}, "Unresolved resource dependencies"),
        ({"Type": "AWS::None::Thing"}, "does not emulate"),
    ):
        with pytest.raises(ClientError, match=why):
            stacks.validate_template(TemplateBody=template(Broken=broken))


def test_a_new_stack_of_an_old_name_has_change_sets_of_its_own(server: Server) -> None:
    stacks = server.client("cloudformation")
    for _ in range(2):
        stacks.create_change_set(
            StackName="again",
            ChangeSetName="again-change-set",
            ChangeSetType="CREATE",
            TemplateBody=template(Queue=QUEUE),
        )
        stacks.execute_change_set(StackName="again", ChangeSetName="again-change-set")
        assert stacks.describe_stacks(StackName="again")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        stacks.delete_stack(StackName="again")


def test_the_account_of_api_gateway_in_a_stack_is_taken(server: Server) -> None:
    stacks = server.client("cloudformation")
    account = {"Type": "AWS::ApiGateway::Account", "Properties": {"CloudWatchRoleArn": ROLE}}
    stacks.create_stack(StackName="account", TemplateBody=template(Account=account))
    assert stacks.describe_stacks(StackName="account")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete_stack(StackName="account")
