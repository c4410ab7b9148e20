"""What a patch makes of settings."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.services.api_gateway.patches import (
    ADD_REMOVE,
    ALL,
    Malformed,
    Path,
    boolean,
    changed,
    whole_number,
)

PATHS = {
    "name": Path("name"),
    "open": Path("is_open", read=boolean),
    "seconds": Path("seconds", read=whole_number),
    "labels": Path("labels", ALL, entries=True),
    "scopes": Path("scopes", ADD_REMOVE, listed=True),
}
BEFORE: dict[str, Any] = {"name": "a", "is_open": False, "seconds": 1, "labels": {"a/b": "1"}, "scopes": None}


def patch(*operations: tuple[str, str, str | None]) -> dict[str, Any]:
    given = [{"op": kind, "path": path, "value": value} for kind, path, value in operations]
    return changed(BEFORE, given, PATHS, "UpdateThing")


@pytest.mark.parametrize(
    ("operations", "after"),
    [
        ([("replace", "/name", "b")], {"name": "b"}),
        ([("replace", "/open", "TRUE"), ("replace", "/seconds", "7")], {"is_open": True, "seconds": 7}),
        ([("add", "/labels/c", "2")], {"labels": {"a/b": "1", "c": "2"}}),
        ([("replace", "/labels/a~1b", "2")], {"labels": {"a/b": "2"}}),
        ([("remove", "/labels/a~1b", None)], {"labels": {}}),
        ([("add", "/scopes", "x"), ("add", "/scopes", "y"), ("remove", "/scopes", "x")], {"scopes": ["y"]}),
        ([("add", "/scopes", "x"), ("add", "/scopes", "x")], {"scopes": ["x"]}),
    ],
)
def test_operations_change_settings_one_after_the_other(
    operations: list[tuple[str, str, str | None]], after: dict[str, Any]
) -> None:
    untouched = {**BEFORE, "labels": {**BEFORE["labels"]}}
    assert patch(*operations) == {**BEFORE, **after}
    assert untouched == BEFORE


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (("replace", "/colour", "red"), "takes /name, /open, /seconds, /labels/…, /scopes"),
        (("replace", "/name/first", "b"), "Invalid patch path '/name/first'"),
        (("add", "/labels", "b"), "Invalid patch path '/labels'"),
        (("add", "/name", "b"), "Invalid patch operation 'add' at /name: UpdateThing takes replace there"),
        (("remove", "/labels/none", None), "there is no none"),
        (("replace", "/open", "perhaps"), "it must be true or false"),
        (("replace", "/seconds", None), "it must be a whole number"),
    ],
)
def test_what_a_patch_cannot_do_is_said(operation: tuple[str, str, str | None], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        patch(operation)
