from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox import quotas
from lambda_sandbox.durable import answers, tokens, updates
from lambda_sandbox.durable.states import ENDED
from lambda_sandbox.errors import InvalidParameterValueException

from .stage import BEGIN, Stage, start, update, wait


def same(moment: float) -> float:
    return moment


def seen(stage: Stage) -> list[str]:
    return [each.id for each in answers.replayed(stage.machine)][1:]


def test_children_of_a_context_that_is_over_are_not_replayed_unless_it_asks() -> None:
    stage = Stage()
    stage.checkpoint(
        start("CONTEXT", "a"),
        start("CONTEXT", "a1", ParentId="a"),
        update("STEP", "SUCCEED", "a2", ParentId="a1", Payload="1"),
        start("CONTEXT", "b"),
        update("STEP", "SUCCEED", "b1", ParentId="b", Payload="1"),
    )
    assert seen(stage) == ["a", "a1", "a2", "b", "b1"]
    stage.checkpoint(
        update("CONTEXT", "SUCCEED", "a", Payload="1"),
        update("CONTEXT", "SUCCEED", "b", Payload="", ContextOptions={"ReplayChildren": True}),
    )
    assert seen(stage) == ["a", "b", "b1"]


def test_a_page_ends_where_an_event_would_become_too_large() -> None:
    stage = Stage()
    half = "x" * (quotas.DURABLE_PAYLOAD_BYTES - 1)
    stage.checkpoint(*[update("STEP", "SUCCEED", f"s{number}", Payload=half) for number in range(9)])
    shown, marker = answers.page(answers.replayed(stage.machine), "", 100, same)
    assert 1 < len(shown) < 10
    rest, last = answers.page(answers.replayed(stage.machine), marker, 100, same)
    assert [each["Id"] for each in shown + rest] == ["e-1", *[f"s{number}" for number in range(9)]]
    assert last == ""


def test_a_quota_of_bytes_fails_the_execution_and_takes_the_whole_checkpoint_back() -> None:
    stage = Stage()
    large = "x" * quotas.DURABLE_PAYLOAD_BYTES
    whole = quotas.DURABLE_BYTES // quotas.DURABLE_PAYLOAD_BYTES
    assert stage.checkpoint(
        *[update("STEP", "SUCCEED", f"s{number}", Payload=large) for number in range(whole - 1)]
    )
    assert not stage.checkpoint(
        update("STEP", "SUCCEED", "y", Payload="1"), update("STEP", "SUCCEED", "z", Payload=large)
    )
    assert stage.status == "FAILED"
    assert "y" not in stage.machine.operations


def test_a_checkpoint_that_is_refused_leaves_no_trace() -> None:
    stage = Stage()
    stage.checkpoint(start("STEP", "s"))
    stage.machine.take_changes()
    before = stage.machine.execution.changes, stage.machine.execution.billed_operations
    with pytest.raises(InvalidParameterValueException):
        stage.checkpoint(
            update("STEP", "SUCCEED", "s", Payload="1"), wait(1), update("STEP", "SUCCEED", "s", Payload="2")
        )
    assert stage.operation("s").status == "STARTED"
    assert "w" not in stage.machine.operations
    assert (stage.machine.execution.changes, stage.machine.execution.billed_operations) == before
    assert stage.machine.take_changes()[1] == []


@pytest.mark.parametrize(
    "second",
    [
        wait(5),
        start("CALLBACK", "c"),
        start("CHAINED_INVOKE", "i", ChainedInvokeOptions={"FunctionName": "f"}),
    ],
)
def test_nothing_that_waits_starts_twice(second: dict[str, Any]) -> None:
    stage = Stage()
    stage.checkpoint(second)
    with pytest.raises(InvalidParameterValueException):
        stage.checkpoint(second)


@pytest.mark.parametrize("kind", ["WAIT", "CALLBACK", "CHAINED_INVOKE"])
def test_what_waits_can_be_cancelled(kind: str) -> None:
    stage = Stage()
    stage.checkpoint(start(kind, ChainedInvokeOptions={"FunctionName": "f"}))
    stage.checkpoint(update(kind, "CANCEL"))
    assert stage.operation("o").status == "CANCELLED"
    assert not stage.operation("o").pending


def test_a_token_is_opaque_and_a_callback_id_leads_back() -> None:
    assert tokens.checkpoint_token("e", 1) != tokens.checkpoint_token("e", 2)
    assert tokens.read_callback_id(tokens.callback_id("arn:x", "o")) == ("arn:x", "o")
    for wrong in ("YWJj", "a", "////"):
        with pytest.raises(InvalidParameterValueException):
            tokens.read_callback_id(wrong)


_KINDS = ("CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE")
_ACTIONS = ("START", "SUCCEED", "FAIL", "RETRY", "CANCEL")
_UPDATE = st.builds(
    lambda kind, action, name, parent: {
        "Id": name,
        "Type": kind,
        "Action": action,
        "Payload": "1",
        "ChainedInvokeOptions": {"FunctionName": "f"},
        **({"ParentId": parent} if parent else {}),
    },
    st.sampled_from(_KINDS),
    st.sampled_from(_ACTIONS),
    st.sampled_from("abcd"),
    st.sampled_from(("", "a", "b")),
)
_SIGNAL = st.one_of(
    st.lists(_UPDATE, max_size=4),
    st.integers(0, 3),
    st.sampled_from(("PENDING", "crash", "pause", "resume", "recover")),
)


@given(st.lists(_SIGNAL, max_size=25))
def test_whatever_comes_an_execution_never_waits_for_nothing(signals: list[Any]) -> None:
    """It runs, or will be woken, or has ended; what is over stays over; tokens never come back."""
    stage = Stage(timeout_s=60)
    machine, execution = stage.machine, stage.machine.execution
    over: dict[str, str] = {}
    token = execution.token
    for signal in signals:
        _give(stage, signal)
        assert execution.token >= token
        token = execution.token
        for each in machine.operations.values():
            assert over.get(each.id, each.status) == each.status
            if each.status in ENDED:
                over[each.id] = each.status
        assert machine.next_due() is not None
        if not execution.ended and not execution.invocation and execution.status == "RUNNING":
            pending = any(each.pending for each in machine.operations.values())
            assert pending or execution.retry_at or machine.wants_invocation(stage.now)
        assert [each.event_id for each in machine.events] == list(range(1, len(machine.events) + 1))


def _give(stage: Stage, signal: Any) -> None:
    machine, execution = stage.machine, stage.machine.execution
    if isinstance(signal, list):
        if execution.invocation and not execution.ended:
            try:
                stage.checkpoint(*signal)
            except InvalidParameterValueException:
                return
    elif isinstance(signal, int):
        stage.until(stage.now + signal)
        if machine.wants_invocation(stage.now):
            stage.invoke()
    elif signal == "PENDING":
        stage.answer("PENDING")
    elif signal == "crash":
        stage.crash()
    elif signal == "recover":
        machine.recover()
    elif signal == "pause" and execution.status == "RUNNING":
        machine.pause("", True, stage.now)
    elif signal == "resume" and execution.status in ("PAUSING", "PAUSED"):
        machine.resume("", stage.now)


def test_times_are_told_to_the_function_by_the_walls_clock() -> None:
    stage = Stage()
    stage.checkpoint(wait(60))
    shown = answers.operation(stage.operation("w"), lambda moment: moment / 60)
    assert shown["WaitDetails"]["ScheduledEndTimestamp"] == (BEGIN + 60) / 60


def test_a_token_is_used_up_by_its_checkpoint_and_by_the_next_invocation() -> None:
    stage = Stage()
    used: list[str] = []
    for _ in range(2):
        used.append(tokens.checkpoint_token("e-1", stage.machine.execution.token))
        stage.checkpoint()
        used.append(tokens.checkpoint_token("e-1", stage.machine.execution.token))
        stage.crash()
        stage.until(stage.now + 5)
        stage.invoke()
    assert len(set(used)) == len(used)
    for token in used:
        with pytest.raises(InvalidParameterValueException, match="Invalid checkpoint token"):
            updates.checkpoint(stage.machine, token, [], stage.now)


def test_a_checkpoint_by_nobody_changes_nothing() -> None:
    stage = Stage()
    with pytest.raises(InvalidParameterValueException, match=r"^Invalid checkpoint token$"):
        updates.checkpoint(stage.machine, "c3RhbGU=", [wait(1)], stage.now)
    assert "w" not in stage.machine.operations
