"""Fault rules: seeded, counted, for one function or all; and the core's decisions that they change, on a manual clock."""

from __future__ import annotations

import pytest

from lambda_sandbox.invocation.faults import FaultKind, FaultRule, Faults, parsed


def strikes(rule: FaultRule, asked: int = 20, function: str = "quote") -> list[bool]:
    faults = Faults()
    faults.add(rule)
    return [faults.strike(rule.kind, function) is not None for _ in range(asked)]


def test_a_seed_fixes_what_is_drawn() -> None:
    rule = FaultRule(FaultKind.THROTTLE, probability=0.5, seed=3)
    assert strikes(rule) == strikes(rule)
    assert strikes(rule) != strikes(FaultRule(FaultKind.THROTTLE, probability=0.5, seed=4))
    assert {True, False} == set(strikes(rule))


def test_a_probability_is_kept_in_the_long_run() -> None:
    assert 900 < sum(strikes(FaultRule(FaultKind.THROTTLE, probability=0.2, seed=1), 5_000)) < 1_100


def test_a_count_ends_a_rule_after_so_many() -> None:
    assert strikes(FaultRule(FaultKind.THROTTLE, count=3)) == [True] * 3 + [False] * 17


def test_a_rule_of_a_function_leaves_the_others_alone() -> None:
    rule = FaultRule(FaultKind.THROTTLE, function="quote")
    assert strikes(rule) == [True] * 20
    assert strikes(rule, function="other") == [False] * 20


def test_a_neighbour_s_rule_is_for_its_service_and_operation() -> None:
    faults = Faults()
    faults.add(FaultRule(FaultKind.NEIGHBOUR_ERROR, service="s3", operation="PutObject"))
    assert faults.strike(FaultKind.NEIGHBOUR_ERROR, "f", "s3", "PutObject") is not None
    assert faults.strike(FaultKind.NEIGHBOUR_ERROR, "f", "s3", "GetObject") is None
    assert faults.strike(FaultKind.NEIGHBOUR_ERROR, "f", "sqs", "PutObject") is None


def test_rules_are_taken_away_one_by_one_or_all() -> None:
    faults = Faults()
    first, second = (faults.add(FaultRule(FaultKind.THROTTLE)) for _ in range(2))
    assert faults.clear(first) == 1
    assert [row["id"] for row in faults.to_json()] == [second]
    with pytest.raises(ValueError, match=f"there is no fault rule {first}"):
        faults.clear(first)
    assert faults.clear() == 1
    assert not faults


def test_what_is_no_rule_says_which_kinds_there_are() -> None:
    with pytest.raises(ValueError, match="kind is one of throttle, init-crash"):
        parsed(b'{"kind": "earthquake"}')
    assert parsed(b'{"kind": "freeze", "ms": 5}') == FaultRule(FaultKind.FREEZE, ms=5)
