from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from lambda_sandbox.services.cloudformation import background


def test_step_that_ends_soon_is_waited_for() -> None:
    done: list[int] = []
    assert background.carry_out(SimpleNamespace(), lambda: done.append(1), 60)
    assert done == [1]


def test_step_that_fails_while_somebody_waits_fails_there() -> None:
    def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        background.carry_out(SimpleNamespace(), fail, 60)


def test_long_step_goes_on_and_a_late_failure_is_the_stacks() -> None:
    go, told = threading.Event(), threading.Event()

    class Stack:
        status = "UPDATE_IN_PROGRESS"

        def __setattr__(self, name: str, value: str) -> None:
            super().__setattr__(name, value)
            if name == "stack_status_reason":
                told.set()

    def fail_late() -> None:
        go.wait(60)
        raise LookupError("gone")

    stack = Stack()
    assert not background.carry_out(stack, fail_late, 0)
    assert stack.status == "UPDATE_IN_PROGRESS"
    go.set()
    assert told.wait(60)
    assert (stack.status, stack.stack_status_reason) == ("UPDATE_FAILED", "gone")  # type: ignore[attr-defined]


def test_step_within_a_step_is_waited_for_however_long_it_takes() -> None:
    inner = threading.Event()
    order: list[str] = []

    def outer() -> None:
        assert background.carry_out(SimpleNamespace(), lambda: order.append("inner"), 0)
        order.append("outer")
        inner.set()

    background.carry_out(SimpleNamespace(), outer, 60)
    assert inner.wait(60)
    assert order == ["inner", "outer"]
