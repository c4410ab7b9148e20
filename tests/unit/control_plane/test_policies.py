"""Resource-based policies of functions: statements, documents and what they allow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.control_plane import function_policies
from lambda_sandbox.errors import AccessDeniedException
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.resources import Caller
from tests.refusals import refused
from tests.unit.control_plane.conftest import CALLER, Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
OTHER = Caller("111111111111", "us-east-1")
INVOKE = {"FunctionName": "hello", "Action": "lambda:InvokeFunction"}


@pytest.mark.proves("AddPermission")
@pytest.mark.parametrize(
    ("given", "principal", "condition"),
    [
        (
            {
                "Principal": "s3.amazonaws.com",
                "SourceAccount": "123456789012",
                "SourceArn": "arn:aws:s3:::bucket",
            },
            {"Service": "s3.amazonaws.com"},
            {
                "StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            },
        ),
        ({"Principal": "223456789012"}, {"AWS": "arn:aws:iam::223456789012:root"}, None),
        (
            {"Principal": "arn:aws:iam::223456789012:role/r"},
            {"AWS": "arn:aws:iam::223456789012:role/r"},
            None,
        ),
        (
            {"Principal": "*", "PrincipalOrgID": "o-0123456789"},
            "*",
            {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}},
        ),
        (
            {"Principal": "*", "InvokedViaFunctionUrl": True},
            "*",
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
        (
            {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        (
            {"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "token"},
            {"Service": "alexa-appkit.amazon.com"},
            {"StringEquals": {"lambda:EventSourceToken": "token"}},
        ),
    ],
    ids=[
        "service with source",
        "account",
        "role",
        "organisation",
        "through the URL",
        "URL auth type",
        "event source token",
    ],
)
def test_a_statement_is_written_as_aws_writes_it(
    sandbox: Sandbox, given: dict[str, Any], principal: Any, condition: Any
) -> None:
    sandbox.create()
    answer = sandbox.client().add_permission(**{**INVOKE, "StatementId": "sid", **given})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    statement = json.loads(answer["Statement"])
    wanted = {
        "Sid": "sid",
        "Effect": "Allow",
        "Principal": principal,
        "Action": given.get("Action", "lambda:InvokeFunction"),
        "Resource": ARN,
    }
    assert statement == (wanted | {"Condition": condition} if condition else wanted)
    assert list(statement)[:5] == ["Sid", "Effect", "Principal", "Action", "Resource"]
    assert " " not in answer["Statement"]


@pytest.mark.proves("GetPolicy")
@pytest.mark.proves("RemovePermission")
def test_a_policy_grows_and_shrinks_and_goes_with_its_last_statement(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    assert refused(client.get_policy, FunctionName="hello") == (
        "ResourceNotFoundException",
        404,
        "The resource you requested does not exist.",
    )
    for sid in ("a", "b"):
        client.add_permission(**INVOKE, StatementId=sid, Principal="111111111111")
    answer = client.get_policy(FunctionName="hello")
    policy = json.loads(answer["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    assert [each["Sid"] for each in policy["Statement"]] == ["a", "b"]
    removed = client.remove_permission(FunctionName="hello", StatementId="a", RevisionId=answer["RevisionId"])
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.remove_permission, FunctionName="hello", StatementId="a")[1] == 404
    client.remove_permission(FunctionName="hello", StatementId="b")
    assert refused(client.get_policy, FunctionName="hello")[1] == 404


def test_revisions_guard_the_policy(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    add = {**INVOKE, "Principal": "111111111111"}
    client.add_permission(**add, StatementId="a")
    before = client.get_policy(FunctionName="hello")["RevisionId"]
    client.add_permission(**add, StatementId="b", RevisionId=before)
    stale = refused(client.add_permission, **add, StatementId="c", RevisionId=before)
    assert stale[:2] == ("PreconditionFailedException", 412)


def test_what_cannot_be_added_is_refused(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    add = {**INVOKE, "Principal": "111111111111", "StatementId": "a"}
    client.add_permission(**add)
    assert refused(client.add_permission, **add) == (
        "ResourceConflictException",
        409,
        "The statement id (a) provided already exists. Please provide a new statement id, or remove the existing statement.",
    )
    bad = {**add, "StatementId": "b"}
    assert refused(client.add_permission, **{**bad, "Principal": "nobody"})[0] == (
        "InvalidParameterValueException"
    )
    assert refused(client.add_permission, **{**bad, "FunctionName": "none"})[:2] == (
        "ResourceNotFoundException",
        404,
    )
    assert refused(client.add_permission, **bad, Qualifier="$LATEST")[0] == "InvalidParameterValueException"
    assert refused(client.add_permission, **bad, FunctionUrlAuthType="NONE")[1] == 400


def test_a_policy_over_20_kb_is_refused(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    add = {**INVOKE, "Principal": "events.amazonaws.com"}
    long = "arn:aws:events:us-east-1:000000000000:rule/" + "r" * 9_000
    client.add_permission(**add, StatementId="a", SourceArn=long)
    client.add_permission(**add, StatementId="b", SourceArn=long)
    code, status, message = refused(client.add_permission, **add, StatementId="c", SourceArn=long)
    assert (code, status) == ("PolicyLengthExceededException", 400)
    assert "20480" in message
    assert len(json.loads(client.get_policy(FunctionName="hello")["Policy"])["Statement"]) == 2


def test_each_qualifier_has_a_policy_of_its_own(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.publish_version(FunctionName="hello")
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live"):
        answer = client.add_permission(
            **INVOKE, StatementId="a", Principal="111111111111", Qualifier=qualifier
        )
        assert json.loads(answer["Statement"])["Resource"] == f"{ARN}:{qualifier}"
    assert refused(client.get_policy, FunctionName="hello")[1] == 404
    assert f"{ARN}:live" in client.get_policy(FunctionName="hello:live")["Policy"]


@pytest.mark.proves("PutResourcePolicy")
@pytest.mark.proves("GetResourcePolicy")
@pytest.mark.proves("DeleteResourcePolicy")
def test_a_whole_policy_replaces_what_was_added(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.add_permission(**INVOKE, StatementId="old", Principal="111111111111")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "new",
                    "Effect": "Deny",
                    "Principal": {"AWS": "111111111111"},
                    "Action": ["lambda:InvokeFunction"],
                    "Resource": ARN,
                    "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
                }
            ],
        }
    )
    put = client.put_resource_policy(ResourceArn=ARN, Policy=document)
    assert put["Policy"] == document
    got = client.get_resource_policy(ResourceArn=ARN)
    assert (got["Policy"], got["RevisionId"]) == (document, put["RevisionId"])
    assert client.get_policy(FunctionName="hello")["Policy"] == document
    client.add_permission(**INVOKE, StatementId="more", Principal="111111111111")
    assert '"more"' in client.get_resource_policy(ResourceArn=ARN)["Policy"]
    stale = refused(client.delete_resource_policy, ResourceArn=ARN, RevisionId=put["RevisionId"])
    assert stale[:2] == ("PreconditionFailedException", 412)
    deleted = client.delete_resource_policy(ResourceArn=ARN)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_resource_policy, ResourceArn=ARN)[1] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Perhaps"},
        {"Principal": None},
        {"Action": "s3:GetObject"},
        {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:other"},
        {"Condition": {"StringAlmost": {"aws:username": "a"}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_whole_policy_that_is_wrong_is_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    sandbox.create()
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
    } | change
    document = json.dumps({"Statement": {key: each for key, each in statement.items() if each is not None}})
    call = sandbox.client().put_resource_policy
    assert refused(call, ResourceArn=ARN, Policy=document)[:2] == ("InvalidParameterValueException", 400)
    assert refused(call, ResourceArn=ARN, Policy="{")[0] == "InvalidParameterValueException"


def test_another_account_needs_a_statement_for_the_very_arn(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.publish_version(FunctionName="hello")
    client.add_permission(**INVOKE, StatementId="a", Principal="111111111111", Qualifier="1")
    sandbox.plane.authorize("lambda:InvokeFunction", ARN, CALLER)
    sandbox.plane.authorize("lambda:InvokeFunction", f"{ARN}:1", OTHER)
    for arn in (ARN, f"{ARN}:2"):
        with pytest.raises(AccessDeniedException, match="because no resource-based policy allows"):
            sandbox.plane.authorize("lambda:InvokeFunction", arn, OTHER)


def test_a_url_opens_with_both_permissions_only(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    made = client.create_function_url_config(FunctionName="hello", AuthType="NONE")
    url = sandbox.plane.function_url(made["FunctionUrl"].partition("//")[2].partition(".")[0])
    assert url is not None
    store = sandbox.plane.store
    assert "lambda:InvokeFunctionUrl" in function_policies.refusal_of_url(store, url, None)
    client.add_permission(
        FunctionName="hello",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert "lambda:InvokeFunction on" in function_policies.refusal_of_url(store, url, None)
    client.add_permission(**INVOKE, StatementId="invoke", Principal="*", InvokedViaFunctionUrl=True)
    assert function_policies.refusal_of_url(store, url, None) == ""
    owner = Principal("arn:aws:iam::000000000000:root", "000000000000", trusted=True)
    assert function_policies.refusal_of_url(store, url, owner) == ""
    # The permission is for requests through the URL alone.
    with pytest.raises(AccessDeniedException):
        sandbox.plane.authorize("lambda:InvokeFunction", ARN, OTHER)


def test_another_account_may_do_what_a_policy_allows_it_and_no_more(sandbox: Sandbox) -> None:
    sandbox.create()
    stranger = sandbox.client(OTHER)
    code, status, message = refused(stranger.get_function, FunctionName=ARN)
    assert (code, status) == ("AccessDeniedException", 403)
    assert message == (
        f"User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetFunction on resource: {ARN} "
        "because no resource-based policy allows the lambda:GetFunction action"
    )
    sandbox.client().add_permission(
        FunctionName="hello", StatementId="a", Action="lambda:GetFunction", Principal="111111111111"
    )
    assert stranger.get_function(FunctionName=ARN)["Configuration"]["FunctionArn"] == ARN
    assert refused(stranger.list_tags, Resource=ARN)[1] == 403
    assert refused(stranger.update_function_configuration, FunctionName=ARN, Timeout=5)[1] == 403
    assert refused(stranger.get_function, FunctionName="hello")[1] == 404
