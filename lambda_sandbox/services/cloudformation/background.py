"""Stack operations that take long, as those do that wait for a custom resource, go on after their request was answered."""

from __future__ import annotations

import contextvars
import sys
import threading
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# POLICY: a request for a stack is answered after 20 s at the latest; what is not done by then is seen with a waiter.
PATIENCE_S = 20.0
_under_way: ContextVar[bool] = ContextVar("under_way", default=False)


def carry_out(stack: Any, step: Callable[[], Any], patience_s: float = PATIENCE_S) -> bool:
    """Run ``step`` and return whether it ended within ``patience_s`` seconds; if not, it goes on.

    Raises what ``step`` raises, while somebody waits for it. A step within a step is waited for to its end: so an inner
    stack is there when its parent goes on. ``stack`` is moto's, and has failed when a step does that nobody waits for.
    """
    if _under_way.get():
        step()
        return True
    problems: list[BaseException] = []
    waited = threading.Event()

    def work() -> None:
        _under_way.set(True)
        try:
            step()
        except BaseException as error:  # it is raised where the request is, or told by the stack
            problems.append(error)
            if waited.is_set():
                _tell(stack, error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    thread.join(patience_s)
    waited.set()
    if problems:
        raise problems[0]
    return not thread.is_alive()


def _tell(stack: Any, error: BaseException) -> None:
    traceback.print_exception(error, file=sys.stderr)
    stack.status = stack.status.replace("_IN_PROGRESS", "_FAILED")
    stack.stack_status_reason = str(error) or type(error).__name__
