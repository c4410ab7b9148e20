"""A driver for tests: keeps the actions, plays runtime and caller by hand, moves a manual clock."""

from __future__ import annotations

from typing import Any, TypeVar

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Action, Invocation, InvocationType
from lambda_sandbox.resources import FunctionConfiguration

A = TypeVar("A")


def function(name: str = "quote", **changes: Any) -> FunctionConfiguration:
    values: dict[str, Any] = {
        "account_id": "000000000000",
        "region": "us-east-1",
        "function_name": name,
        "runtime": "python3.12",
        "handler": "app.handler",
        "role": "arn:aws:iam::000000000000:role/demo",
        "code_sha256": "0" * 64,
        "code_size": 1,
        "revision_id": "r1",
        "last_modified": "2026-01-01T00:00:00.000+0000",
    }
    return FunctionConfiguration(**{**values, **changes})


class Stage:
    def __init__(self, **core_options: Any) -> None:
        self.clock = ManualClock(start=1_700_000_000.0)
        self.core = Core(self.clock, **core_options)
        self.actions: list[Action] = []
        self._numbers = 0

    def take(self, actions: list[Action]) -> list[Action]:
        self.actions += actions
        return actions

    def invoke(
        self, target: FunctionConfiguration, *, event: bool = False, payload: bytes = b"{}"
    ) -> Invocation:
        self._numbers += 1
        kind = InvocationType.EVENT if event else InvocationType.REQUEST_RESPONSE
        invocation = Invocation(f"id-{self._numbers}", target, payload, self.clock.now(), kind)
        self.take(self.core.invoke(invocation))
        return invocation

    def environment_ids(self) -> list[str]:
        return [a.environment.environment_id for a in self.of(messages.StartEnvironment)]

    def of(self, kind: type[A]) -> list[A]:
        return [action for action in self.actions if isinstance(action, kind)]

    def completions(self, invocation: Invocation) -> list[messages.Complete]:
        return [a for a in self.of(messages.Complete) if a.invocation is invocation]

    def completion(self, invocation: Invocation) -> messages.Complete:
        [found] = self.completions(invocation)
        return found

    def logs(self) -> str:
        return "\n".join(action.text for action in self.of(messages.WriteLog))

    def ready(self, environment_id: str) -> None:
        self.take(self.core.runtime_next(environment_id))

    def respond(self, environment_id: str, invocation: Invocation, payload: bytes = b'"ok"') -> None:
        self.take(self.core.runtime_response(environment_id, invocation.request_id, payload, 40))
        self.ready(environment_id)

    def run_warm(self, target: FunctionConfiguration) -> str:
        """Bring one environment up through a first invocation and return its id."""
        invocation = self.invoke(target)
        environment_id = self.environment_ids()[-1]
        self.ready(environment_id)
        self.respond(environment_id, invocation)
        return environment_id

    def advance(self, seconds: float) -> None:
        """Move time, firing every timer that comes due, in order."""
        end = self.clock.now() + seconds
        while True:
            timers = sorted((t for t in self.of(messages.SetTimer) if t.at <= end), key=lambda t: t.at)
            if not timers:
                break
            self.actions.remove(timers[0])
            self.clock.move_to(timers[0].at)
            self.take(self.core.timer_fired(timers[0].key))
        self.clock.move_to(end)
