from __future__ import annotations

from typing import Any

import pytest

from .conftest import Sandbox, make_zip
from .refusals import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
NEW = {"ZipFile": make_zip({"new.txt": "new"})}
NEWER = {"ZipFile": make_zip({"newer.txt": "newer"})}


def publish(sandbox: Sandbox, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sandbox.client().publish_version(FunctionName="hello", **options)
    return answer


def versions(sandbox: Sandbox) -> list[str]:
    pages = sandbox.client().get_paginator("list_versions_by_function").paginate(FunctionName="hello")
    return [version["Version"] for page in pages for version in page["Versions"]]


@pytest.mark.proves("PublishVersion")
def test_version_is_a_copy_of_latest_with_a_number_a_revision_and_a_description_of_its_own(
    sandbox: Sandbox,
) -> None:
    created = sandbox.create(Description="mine", Environment={"Variables": {"AB": "1"}})
    version = publish(sandbox, Description="first")
    assert version["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (version["Version"], version["FunctionArn"]) == ("1", f"{ARN}:1")
    assert (version["Description"], version["State"]) == ("first", "Active")
    assert version["CodeSha256"] == created["CodeSha256"]
    assert version["RevisionId"] != created["RevisionId"]
    assert version["Environment"] == {"Variables": {"AB": "1"}}
    latest = sandbox.client().get_function_configuration(FunctionName="hello")
    assert (latest["Version"], latest["Description"]) == ("$LATEST", "mine")
    assert latest["RevisionId"] == created["RevisionId"]


@pytest.mark.proves("PublishVersion")
def test_nothing_is_published_while_code_and_configuration_stay_the_same(sandbox: Sandbox) -> None:
    sandbox.create()
    first = publish(sandbox)
    again = publish(sandbox, Description="not taken")
    assert again["RevisionId"] == first["RevisionId"]
    assert versions(sandbox) == ["$LATEST", "1"]


@pytest.mark.parametrize(
    "change",
    [{"Timeout": 9}, {"Description": "other"}, {"Environment": {"Variables": {"AB": "2"}}}],
    ids=str,
)
def test_every_change_of_the_configuration_makes_a_new_version(
    sandbox: Sandbox, change: dict[str, Any]
) -> None:
    sandbox.create()
    publish(sandbox)
    sandbox.client().update_function_configuration(FunctionName="hello", **change)
    assert publish(sandbox)["Version"] == "2"


def test_what_belongs_to_the_function_makes_no_new_version(sandbox: Sandbox) -> None:
    sandbox.create()
    publish(sandbox)
    client = sandbox.client()
    client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    client.put_function_recursion_config(FunctionName="hello", RecursiveLoop="Allow")
    assert publish(sandbox)["Version"] == "1"


def test_published_version_keeps_its_code_and_settings(sandbox: Sandbox) -> None:
    sandbox.create()
    first = publish(sandbox)
    client = sandbox.client()
    client.update_function_code(FunctionName="hello", **NEW)
    client.update_function_configuration(FunctionName="hello", Timeout=9)
    kept = client.get_function(FunctionName="hello", Qualifier="1")
    assert kept["Configuration"]["CodeSha256"] == first["CodeSha256"]
    assert kept["Configuration"]["Timeout"] == 3
    token = kept["Code"]["Location"].rsplit("/", 1)[1]
    assert sandbox.plane.code_zip(token) == make_zip()
    sandbox.clock.advance(10_000)
    client.update_function_code(FunctionName="hello", **NEWER)
    assert sandbox.plane.code.package(first["CodeSha256"]) is not None


def test_numbers_are_never_used_again(sandbox: Sandbox) -> None:
    sandbox.create()
    publish(sandbox)
    client = sandbox.client()
    client.delete_function(FunctionName="hello", Qualifier="1")
    assert publish(sandbox)["Version"] == "2"
    client.delete_function(FunctionName="hello")
    sandbox.reopen()
    sandbox.create()
    assert publish(sandbox)["Version"] == "3"


@pytest.mark.proves("CreateFunction")
def test_function_can_be_published_as_it_is_created(sandbox: Sandbox) -> None:
    created = sandbox.create(Publish=True)
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", f"{ARN}:1", "Pending")
    assert versions(sandbox) == ["$LATEST", "1"]
    sandbox.client().get_waiter("published_version_active").wait(FunctionName="hello", Qualifier="1")


@pytest.mark.proves("UpdateFunctionCode")
def test_code_can_be_published_as_it_is_updated(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    updated = sandbox.client().update_function_code(FunctionName="hello", Publish=True, **NEW)
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:2")
    dry = sandbox.client().update_function_code(FunctionName="hello", Publish=True, DryRun=True, **NEWER)
    assert dry["Version"] == "$LATEST"
    assert versions(sandbox) == ["$LATEST", "1", "2"]


def test_publishing_demands_the_code_that_the_request_names(sandbox: Sandbox) -> None:
    created = sandbox.create()
    with refused(
        "InvalidParameterValueException",
        400,
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({created['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    ):
        publish(sandbox, CodeSha256="other")
    assert publish(sandbox, CodeSha256=created["CodeSha256"])["Version"] == "1"


def test_publishing_demands_the_revision_that_the_request_names(sandbox: Sandbox) -> None:
    created = sandbox.create()
    with refused("PreconditionFailedException", 412, "The Revision Id provided does not match"):
        publish(sandbox, RevisionId="other")
    assert publish(sandbox, RevisionId=created["RevisionId"])["Version"] == "1"


@pytest.mark.parametrize("name", ["hello:1", f"{ARN}:live"])
def test_only_latest_is_published_or_updated(sandbox: Sandbox, name: str) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    message = "Current operation does not support versions other than $LATEST"
    for change in (
        lambda: client.publish_version(FunctionName=name),
        lambda: client.update_function_configuration(FunctionName=name, Timeout=9),
        lambda: client.update_function_code(FunctionName=name, **NEW),
    ):
        with refused("InvalidParameterValueException", 400, message):
            change()


@pytest.mark.proves("ListVersionsByFunction")
def test_versions_are_listed_by_number_after_latest_page_by_page(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    for number in range(1, 12):
        client.update_function_configuration(FunctionName="hello", Timeout=number)
        publish(sandbox)
    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName="hello", PaginationConfig={"PageSize": 5}
    )
    names = [[version["Version"] for version in page["Versions"]] for page in pages]
    assert names == [["$LATEST", "1", "2", "3", "4"], ["5", "6", "7", "8", "9"], ["10", "11"]]
    listed = client.list_versions_by_function(FunctionName="hello")["Versions"][1]
    assert listed["FunctionArn"] == f"{ARN}:1"
    assert "State" not in listed
    with refused("ResourceNotFoundException", 404, "Function not found: "):
        client.list_versions_by_function(FunctionName="nobody")


@pytest.mark.proves("DeleteFunction")
def test_version_that_an_alias_needs_is_not_deleted(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    client.update_function_code(FunctionName="hello", Publish=True, **NEW)
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    client.create_alias(FunctionName="hello", Name="canary", FunctionVersion="1", RoutingConfig=weights)
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    message = "Unable to delete version because the following aliases reference it: "
    with refused("ResourceConflictException", 409, f"{message}[canary, live]"):
        client.delete_function(FunctionName="hello", Qualifier="1")
    with refused("ResourceConflictException", 409, f"{message}[canary]"):
        client.delete_function(FunctionName="hello:2")
    client.delete_alias(FunctionName="hello", Name="canary")
    assert client.delete_function(FunctionName="hello:2")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert versions(sandbox) == ["$LATEST", "1"]
    with refused("ResourceNotFoundException", 404, f"Function not found: {ARN}:2"):
        client.get_function(FunctionName="hello", Qualifier="2")


@pytest.mark.proves("DeleteFunction")
def test_version_that_is_not_there_is_deleted_without_a_word(sandbox: Sandbox) -> None:
    sandbox.create()
    assert sandbox.client().delete_function(FunctionName="hello", Qualifier="9")["StatusCode"] == 204
    with refused("InvalidParameterValueException", 400):
        sandbox.client().delete_function(FunctionName="hello", Qualifier="live")
    with refused("ResourceNotFoundException", 404, f"Function not found: {ARN[:-5]}nobody"):
        sandbox.client().delete_function(FunctionName="nobody", Qualifier="1")


def test_everything_published_is_there_after_a_restart(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    sandbox.client().create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    sandbox.reopen()
    client = sandbox.client()
    assert client.get_function_configuration(FunctionName="hello:live")["Version"] == "1"
    assert publish(sandbox)["Version"] == "1"


@pytest.mark.proves("GetFunctionConfiguration")
def test_configuration_is_shown_under_the_name_it_was_asked_by(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    for qualifier, version in (("$LATEST", "$LATEST"), ("1", "1"), ("live", "1")):
        found = client.get_function_configuration(FunctionName="hello", Qualifier=qualifier)
        assert (found["FunctionArn"], found["Version"]) == (f"{ARN}:{qualifier}", version)


@pytest.mark.proves("ListFunctions")
def test_all_versions_of_all_functions_are_listed_in_pages_without_a_gap(sandbox: Sandbox) -> None:
    # "a-b" sorts before "a:1" as text and after it as a name: pages must not mind.
    for name in ("a", "a-b", "b"):
        sandbox.create(name, Publish=True)
    pages = (
        sandbox.client()
        .get_paginator("list_functions")
        .paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2})
    )
    found = [each["FunctionArn"].split("function:")[1] for page in pages for each in page["Functions"]]
    assert found == ["a:$LATEST", "a:1", "a-b:$LATEST", "a-b:1", "b:$LATEST", "b:1"]


def test_latest_published_is_for_managed_instances_only(sandbox: Sandbox) -> None:
    sandbox.create()
    with refused("InvalidParameterValueException", 400):
        publish(sandbox, PublishTo="LATEST_PUBLISHED")
