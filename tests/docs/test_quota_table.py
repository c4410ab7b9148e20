"""The page of quotas says what the facts say of AWS and what the code does here."""

from pathlib import Path
from typing import Any

import pytest

from docs_hooks import quota_table
from docs_hooks.quota_table import Quota
from lambda_sandbox import quotas as limits
from tests.docs.conftest import ROOT

QUOTAS = quota_table.load(ROOT / "docs" / "facts")
each_quota = pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.fact.id)
CONSTANTS = {name for name in vars(limits) if name.isupper()}
# The first is a unit, the second a set of names (the fact x-env-reserved), neither a quota.
OTHERS = {"MIB", "RESERVED_ENVIRONMENT_VARIABLES"}
SIZES = {"bytes": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
# Told by a fact's sentence, in minutes.
IN_WORDS = {"ASYNC_RETRY_WAITS_S": "one minute and then two minutes"}


def numbers(value: Any) -> set[float]:
    if isinstance(value, dict):
        return {number for each in value.values() for number in numbers(each)}
    if isinstance(value, list | tuple):
        return {number for each in value for number in numbers(each)}
    return {float(value)} if isinstance(value, int | float) else set()


def test_every_limit_of_the_sandbox_is_on_the_page() -> None:
    assert {name for quota in QUOTAS for name in quota.constants} == CONSTANTS - OTHERS


@each_quota
def test_every_quota_says_what_the_sandbox_does(quota: Quota) -> None:
    assert quota_table.sandbox(quota)


@each_quota
def test_every_limit_of_the_sandbox_is_awss(quota: Quota) -> None:
    for name in quota.constants:
        if name in IN_WORDS:
            assert IN_WORDS[name] in quota.fact.statement
            continue
        size = SIZES[quota.unit.split()[0]] if name.endswith("_BYTES") else 1
        # 6 MB are 6 MB and 100 bytes on the wire.
        assert {number // size for number in numbers(getattr(limits, name))} <= numbers(quota.value), name


@each_quota
def test_every_limit_that_is_named_is_read_by_some_module(quota: Quota) -> None:
    for name in quota.constants:
        assert name in SOURCES, name


def _sources() -> str:
    files = (path for path in (ROOT / "lambda_sandbox").rglob("*.py") if path.name != "quotas.py")
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


SOURCES = _sources()


def test_a_row_holds_value_statement_and_what_is_enforced() -> None:
    (memory,) = (quota for quota in QUOTAS if quota.fact.id == "q-memory")
    assert quota_table.aws(memory) == "least: 128, most: 10,240 MB"
    assert quota_table.sandbox(memory) == "128 MB, 10,240 MB"


def test_the_page_has_a_row_for_every_quota(site: Path) -> None:
    text = (site / "reference" / "quotas.html").read_text(encoding="utf-8")
    assert [quota for quota in QUOTAS if f'id="{quota.fact.id}"' not in text] == []
