from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lambda_sandbox.resources import Caller

from .conftest import CALLER, Sandbox, make_zip
from .refusals import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
HALF = {"AdditionalVersionWeights": {"2": 0.5}}


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    """``hello`` with versions 1, 2 and 3."""
    sandbox.create(Publish=True)
    client = sandbox.client()
    for number in (2, 3):
        client.update_function_code(
            FunctionName="hello", Publish=True, ZipFile=make_zip({"number": str(number)})
        )
    return client


def alias(client: Any, name: str = "live", version: str = "1", **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.create_alias(
        FunctionName="hello", Name=name, FunctionVersion=version, **options
    )
    return answer


@pytest.mark.proves("CreateAlias")
@pytest.mark.proves("GetAlias")
def test_alias_is_answered_as_it_was_made(client: Any) -> None:
    made = alias(client, Description="what users get", RoutingConfig=HALF)
    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    found = client.get_alias(FunctionName="hello", Name="live")
    del found["ResponseMetadata"]
    assert made == found
    assert found.pop("RevisionId")
    assert found == {
        "AliasArn": f"{ARN}:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "what users get",
        "RoutingConfig": HALF,
    }


def test_alias_without_weights_shows_none(client: Any) -> None:
    assert "RoutingConfig" not in alias(client)
    assert "RoutingConfig" not in alias(client, "latest", "$LATEST")


@pytest.mark.proves("UpdateAlias")
def test_update_changes_what_it_names_and_the_revision(sandbox: Sandbox, client: Any) -> None:
    made = alias(client, Description="kept", RoutingConfig=HALF)
    sandbox.changed.clear()
    moved = client.update_alias(FunctionName="hello", Name="live", FunctionVersion="3")
    assert (moved["FunctionVersion"], moved["Description"], moved["RoutingConfig"]) == ("3", "kept", HALF)
    assert moved["RevisionId"] != made["RevisionId"]
    assert sandbox.changed == [ARN]
    cleared = client.update_alias(
        FunctionName="hello", Name="live", Description="", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert cleared["Description"] == ""
    assert "RoutingConfig" not in cleared


@pytest.mark.proves("UpdateAlias")
def test_update_demands_the_revision_that_the_request_names(client: Any) -> None:
    made = alias(client)
    client.update_alias(FunctionName="hello", Name="live", RevisionId=made["RevisionId"], Description="a")
    with refused("PreconditionFailedException", 412, "The Revision Id provided does not match"):
        client.update_alias(FunctionName="hello", Name="live", RevisionId=made["RevisionId"])


@pytest.mark.proves("DeleteAlias")
def test_deleted_alias_is_gone_and_deleting_it_again_does_no_harm(sandbox: Sandbox, client: Any) -> None:
    alias(client)
    for _ in range(2):
        answer = client.delete_alias(FunctionName="hello", Name="live")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:live"):
        client.get_alias(FunctionName="hello", Name="live")
    with refused("ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:live"):
        client.update_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    with refused("ResourceNotFoundException", 404, f"Function not found: {ARN}:live"):
        client.get_function(FunctionName="hello", Qualifier="live")


@pytest.mark.proves("ListAliases")
def test_aliases_are_listed_by_name_in_pages_and_by_version(client: Any) -> None:
    for name, version in (("live", "2"), ("beta", "3"), ("old", "1")):
        alias(client, name, version)
    alias(client, "canary", "1", RoutingConfig=HALF)
    pages = client.get_paginator("list_aliases").paginate(
        FunctionName="hello", PaginationConfig={"PageSize": 3}
    )
    names = [[each["Name"] for each in page["Aliases"]] for page in pages]
    assert names == [["beta", "canary", "live"], ["old"]]
    of_two = client.list_aliases(FunctionName="hello", FunctionVersion="2")["Aliases"]
    assert [each["Name"] for each in of_two] == ["canary", "live"]


@pytest.mark.parametrize(
    ("options", "code", "status", "message"),
    [
        ({"FunctionVersion": "9"}, "ResourceNotFoundException", 404, f"Function not found: {ARN}:9"),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"9": 0.5}}},
            "ResourceNotFoundException",
            404,
            f"Function not found: {ARN}:9",
        ),
        (
            {"FunctionVersion": "$LATEST", "RoutingConfig": HALF},
            "InvalidParameterValueException",
            400,
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            "InvalidParameterValueException",
            400,
            "Invalid function version 1.",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2, "3": 0.2}}},
            "InvalidParameterValueException",
            400,
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        ({"Name": "7"}, "ValidationException", 400, "1 validation error detected: Value '7' at 'name'"),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 1.1}}},
            "ValidationException",
            400,
            "1 validation error detected: ",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.1}}},
            "ValidationException",
            400,
            "1 validation error detected: ",
        ),
        (
            {"FunctionName": "hello:1"},
            "InvalidParameterValueException",
            400,
            "Current operation does not support versions other than $LATEST",
        ),
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404, "Function not found: "),
    ],
    ids=str,
)
def test_alias_that_cannot_be_is_refused_and_not_made(
    client: Any, options: dict[str, Any], code: str, status: int, message: str
) -> None:
    request = {"FunctionName": "hello", "Name": "live", "FunctionVersion": "1", **options}
    with refused(code, status, message):
        client.create_alias(**request)
    assert client.list_aliases(FunctionName="hello")["Aliases"] == []


def test_name_that_is_taken_is_a_conflict(client: Any) -> None:
    alias(client)
    with refused("ResourceConflictException", 409, f"Alias already exists: {ARN}:live"):
        alias(client, version="2")


def test_weighted_versions_must_share_role_and_dead_letter_queue(client: Any) -> None:
    client.update_function_configuration(FunctionName="hello", Role="arn:aws:iam::000000000000:role/other")
    client.publish_version(FunctionName="hello")
    with refused("InvalidParameterValueException", 400):
        alias(client, RoutingConfig={"AdditionalVersionWeights": {"4": 0.5}})
    assert alias(client, RoutingConfig=HALF)["Name"] == "live"


# --- routes -----------------------------------------------------------------------------------------------


def draw(sandbox: Sandbox, count: int) -> list[str]:
    route = sandbox.plane.route("hello", "canary", CALLER)
    return [sandbox.plane.choose(route)[0].version for _ in range(count)]


def test_weights_share_the_invocations_and_the_seed_fixes_which(sandbox: Sandbox, client: Any) -> None:
    alias(client, "canary", RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}})
    sandbox.reopen(seed=7)
    first = draw(sandbox, 1000)
    assert first.count("2") == pytest.approx(250, abs=42)  # three standard deviations
    sandbox.reopen(seed=7)
    assert draw(sandbox, 1000) == first
    sandbox.reopen(seed=8)
    assert draw(sandbox, 1000) != first


@pytest.mark.parametrize(("weight", "version"), [(0.0, "1"), (1.0, "2")])
def test_weight_at_its_end_sends_everything_one_way(
    sandbox: Sandbox, client: Any, weight: float, version: str
) -> None:
    alias(client, "canary", RoutingConfig={"AdditionalVersionWeights": {"2": weight}})
    assert Counter(draw(sandbox, 500)) == {version: 500}


def test_route_says_why_and_under_which_name(sandbox: Sandbox, client: Any) -> None:
    alias(client, "canary", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    alias(client, "live", "3")
    route = sandbox.plane.route("hello:canary", None, CALLER)
    assert route.invoked_arn == f"{ARN}:canary"
    assert sandbox.plane.choose(route)[1].startswith("alias canary sends 100% to version 2 (drew 0.")
    route = sandbox.plane.route("hello", "live", CALLER)
    assert sandbox.plane.choose(route)[1] == "alias live means version 3"
    route = sandbox.plane.route("hello", None, CALLER)
    assert (route.invoked_arn, sandbox.plane.choose(route)[1]) == (ARN, "")


def test_version_runs_with_the_concurrency_that_the_function_reserves(sandbox: Sandbox, client: Any) -> None:
    client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=4)
    assert sandbox.plane.resolve("hello", "1", CALLER).reserved_concurrency == 4


def test_function_of_another_account_needs_the_owners_permission(sandbox: Sandbox, client: Any) -> None:
    alias(client)
    stranger = Caller("111111111111", "us-east-1")
    with pytest.raises(Exception, match="not authorized to perform: lambda:InvokeFunction"):
        sandbox.plane.resolve(f"{ARN}:live", None, stranger)
    client.add_permission(
        FunctionName="hello",
        Qualifier="live",
        StatementId="share",
        Action="lambda:InvokeFunction",
        Principal=stranger.account_id,
    )
    assert sandbox.plane.resolve(f"{ARN}:live", None, stranger).version == "1"
    with pytest.raises(Exception, match="not authorized"):
        sandbox.plane.resolve(ARN, None, stranger)
