"""Room for one more environment: what is idle goes first, least recently used, before a caller is refused."""

from __future__ import annotations

from bisect import bisect_left

from lambda_sandbox.invocation.core_state import CoreState
from lambda_sandbox.invocation.environment import State
from lambda_sandbox.invocation.messages import Action
from lambda_sandbox.resources import FunctionConfiguration


def make_room(core: CoreState, function: FunctionConfiguration) -> tuple[list[Action], str]:
    """Return what ends idle environments until the machine has room for one of ``function``, and why it has none even so.

    Nothing is ended where that would not be enough.
    """
    no_room = core.admission(function, ())
    if not no_room:
        return [], ""
    # A reset one has no processes, and what has just answered is in use again in a moment.
    idle = [each for each in core.pool.idle() if each.state is State.FROZEN]
    idle.sort(key=lambda each: each.idle_since)

    def enough(count: int) -> bool:
        return not core.admission(function, {each.environment_id for each in idle[:count]})

    count = bisect_left(range(len(idle) + 1), True, key=enough)
    if count > len(idle):
        return [], no_room
    reason = f"idle, and {function.function_name} needed the memory"
    return [action for each in idle[:count] for action in core.end_idle(each, reason)], ""
