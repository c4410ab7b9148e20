from __future__ import annotations

import pytest

from lambda_sandbox.control_plane import names
from lambda_sandbox.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller

OWNER = "111122223333"
ARN = f"arn:aws:lambda:eu-west-1:{OWNER}:function:shop"
CALLER = Caller(OWNER, "eu-west-1")


@pytest.mark.parametrize(
    ("text", "qualifier"),
    [
        ("shop", None),
        ("function:shop", None),
        (f"{OWNER}:function:shop", None),
        (f"{OWNER}:shop", None),
        (f"eu-west-1:{OWNER}:function:shop", None),
        (ARN, None),
        ("shop:7", "7"),
        ("function:shop:live", "live"),
        (f"{OWNER}:function:shop:$LATEST", "$LATEST"),
        (f"{ARN}:$LATEST.PUBLISHED", "$LATEST.PUBLISHED"),
    ],
)
def test_every_form_names_the_function_and_its_qualifier(text: str, qualifier: str | None) -> None:
    name = names.parse(text, None, CALLER)
    assert (name.name, name.qualifier, name.account_id) == ("shop", qualifier, "")
    assert name.arn(CALLER) == (f"{ARN}:{qualifier}" if qualifier else ARN)
    assert names.parse(text, qualifier, CALLER) == name


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "us-east-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ],
)
def test_arns_of_all_partitions_are_read(partition: str, region: str) -> None:
    text = f"arn:{partition}:lambda:{region}:{OWNER}:function:shop"
    assert names.parse(text, None, Caller(OWNER, region)).name == "shop"


@pytest.mark.parametrize(
    "text", ["", "shop:", "sh op", "shop:a:b", "arn:aws:s3:::shop", f"{ARN}:live:1", "shöp"]
)
def test_what_is_no_name_is_found_nowhere(text: str) -> None:
    with pytest.raises(ResourceNotFoundException):
        names.parse(text, None, CALLER)


def test_two_qualifiers_must_be_one() -> None:
    with pytest.raises(InvalidParameterValueException, match="derived qualifier"):
        names.parse("shop:1", "2", CALLER)


def test_another_region_is_out_of_reach_and_another_account_where_it_may_not_be_named() -> None:
    with pytest.raises(ResourceNotFoundException, match="Functions from 'us-east-1' are not reachable"):
        names.parse(ARN.replace("eu-west-1", "us-east-1"), None, CALLER)
    stranger = Caller("444455556666", "eu-west-1")
    with pytest.raises(AccessDeniedException):
        names.parse(ARN, None, stranger)
    name = names.parse(f"{ARN}:live", None, stranger, foreign=True)
    assert (name.owner(stranger), name.arn(stranger)) == ((OWNER, "eu-west-1"), f"{ARN}:live")


@pytest.mark.parametrize(
    ("qualifier", "version"),
    [
        ("$LATEST", True),
        ("$LATEST.PUBLISHED", True),
        ("7", True),
        ("v7", False),
        ("live", False),
        ("٧", False),
    ],
)
def test_versions_are_told_from_aliases(qualifier: str, version: bool) -> None:
    assert names.is_version(qualifier) is version
