"""One execution without a server: signals by hand, and a clock that is a number."""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.durable import tokens, updates
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import Execution, Operation

BEGIN = 1_000.0


class Stage:
    """An execution whose first invocation is under way."""

    def __init__(self, **execution: Any) -> None:
        given = {
            "account_id": "000000000000",
            "region": "us-east-1",
            "function_name": "shop",
            "version": "1",
            "invoked_arn": "arn:aws:lambda:us-east-1:000000000000:function:shop:1",
            "execution_id": "e-1",
            "name": "order",
            "input": "{}",
            "started_at": BEGIN,
            "timeout_s": 100,
            "retention_days": 1,
        }
        self.now = BEGIN
        self.machine = Machine(Execution(**{**given, **execution}))
        self.machine.begin(self.now)
        self.invoke()

    def invoke(self) -> list[str]:
        """Begin the next invocation, which must be wanted; return the ids that are news."""
        assert self.machine.wants_invocation(self.now)
        self.request_id = f"r-{self.machine.execution.invocations + 1}"
        return self.machine.invocation_begins(self.request_id, self.now)

    def checkpoint(self, *sent: dict[str, Any]) -> bool:
        execution = self.machine.execution
        token = tokens.checkpoint_token(execution.execution_id, execution.token)
        return updates.checkpoint(self.machine, token, sent, self.now)

    def answer(self, status: str, **said: Any) -> None:
        body = json.dumps({"Status": status, **said}).encode()
        self.machine.invocation_ended(self.request_id, body, False, self.now)

    def crash(self) -> None:
        body = b'{"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}'
        self.machine.invocation_ended(self.request_id, body, True, self.now)

    def until(self, moment: float) -> None:
        self.now = moment
        self.machine.advance(moment)

    def operation(self, name: str) -> Operation:
        return self.machine.operations[name]

    @property
    def status(self) -> str:
        return self.machine.execution.status

    @property
    def kinds(self) -> list[str]:
        return [each.type for each in self.machine.events]


def start(kind: str, name: str = "o", **members: Any) -> dict[str, Any]:
    return {"Id": name, "Type": kind, "Action": "START", **members}


def wait(seconds: int, name: str = "w") -> dict[str, Any]:
    return start("WAIT", name, WaitOptions={"WaitSeconds": seconds})


def update(kind: str, action: str, name: str = "o", **members: Any) -> dict[str, Any]:
    return {"Id": name, "Type": kind, "Action": action, **members}
