"""Which permissions a request for RDS needs."""

from urllib.parse import urlencode

import pytest

from lambda_sandbox.iam import neighbour_requests

ACCOUNT, REGION = "123456789012", "eu-west-1"
HERE = f"arn:aws:rds:{REGION}:{ACCOUNT}:"


def needed(action: str, **members: str) -> list[tuple[str, str]]:
    body = urlencode({"Action": action, "Version": "2014-10-31", **members}).encode()
    asked = neighbour_requests.asked("rds", "POST", "/", {}, body, ACCOUNT, REGION)
    return [(each.action.removeprefix("rds:"), each.resource.removeprefix(HERE)) for each in asked]


@pytest.mark.parametrize(
    "action",
    ["DeleteDBInstance", "DescribeDBInstances", "ModifyDBInstance", "RebootDBInstance", "StartDBInstance", "StopDBInstance"],
)  # fmt: skip
def test_what_is_done_to_an_instance_needs_its_action_on_the_instance(action: str) -> None:
    assert needed(action, DBInstanceIdentifier="Shop") == [(action, "db:shop")]


def test_an_instance_named_by_its_arn_is_that_instance() -> None:
    arn = "arn:aws:rds:us-east-1:111111111111:db:theirs"
    assert needed("DescribeDBInstances", DBInstanceIdentifier=arn) == [("DescribeDBInstances", arn)]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("DescribeDBInstances", "db:*"),
        ("DescribeDBParameterGroups", "pg:*"),
        ("DescribeDBSubnetGroups", "subgrp:*"),
        ("DescribeDBEngineVersions", "*"),
    ],
)
def test_a_list_needs_its_action_on_all_of_the_kind(action: str, resource: str) -> None:
    assert needed(action) == [(action, resource)]


def test_a_new_instance_needs_its_groups_too() -> None:
    groups = {"DBParameterGroupName": "few", "DBSubnetGroupName": "inner"}
    found = needed("CreateDBInstance", DBInstanceIdentifier="shop", **groups)
    assert found == [("CreateDBInstance", each) for each in ("db:shop", "pg:few", "subgrp:inner")]


def test_tags_of_a_new_instance_need_their_action_too() -> None:
    tag = {"Tags.Tag.1.Key": "team", "Tags.Tag.1.Value": "jam"}
    found = needed("CreateDBInstance", DBInstanceIdentifier="shop", **tag)
    assert found == [("CreateDBInstance", "db:shop"), ("AddTagsToResource", "db:shop")]


@pytest.mark.parametrize("action", ["AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource"])
def test_tags_need_their_action_on_what_they_are_on(action: str) -> None:
    assert needed(action, ResourceName=f"{HERE}db:shop") == [(action, "db:shop")]


def test_a_policy_may_ask_for_engine_class_and_tags() -> None:
    form = {
        "Action": "CreateDBInstance",
        "DBInstanceIdentifier": "shop",
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "DBName": "shop",
        "Tags.Tag.1.Key": "Team",
        "Tags.Tag.1.Value": "jam",
    }
    body = urlencode(form).encode()
    asked, tagging = neighbour_requests.asked("rds", "POST", "/", {}, body, ACCOUNT, REGION)
    tags = {"aws:requesttag/team": ("jam",), "rds:req-tag/team": ("jam",), "aws:tagkeys": ("Team",)}
    assert asked.context == {
        "rds:databaseengine": ("postgres",),
        "rds:databaseclass": ("db.t4g.micro",),
        "rds:databasename": ("shop",),
        **tags,
    }
    assert tagging.context == tags
