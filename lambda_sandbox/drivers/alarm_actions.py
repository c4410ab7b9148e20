"""Carries out an alarm's actions: publishes to SNS topics, invokes functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.errors import SandboxError
from lambda_sandbox.telemetry.alarms import Alarm, StateChange, remember_action
from lambda_sandbox.telemetry.alarms_messages import function_event, message, subject
from lambda_sandbox.triggers.delivery import Delivery

Forward = Callable[[bytes, bytes, list[tuple[bytes, bytes]], bytes], Awaitable[tuple[int, Any, bytes]]]

_TO_TOPICS = "cloudwatch.amazonaws.com"
_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


class AlarmActions:
    """``forward`` sends one request to the neighbours; ``deliver`` sends a function an event, if its policy lets CloudWatch.

    ``refusal`` says which permission is missing, for a topic.
    """

    def __init__(
        self,
        clock: WaitingClock,
        forward: Forward,
        deliver: Callable[[Delivery], Awaitable[None]],
        refusal: Callable[[Delivery], Awaitable[str]],
    ) -> None:
        self._refusal = refusal
        self._clock = clock
        self._forward = forward
        self._deliver = deliver

    async def carry_out(self, changes: list[StateChange]) -> None:
        """Tell everybody of every change, in order; what fails is written into the alarm's history."""
        for change in changes:
            for arn in change.actions:
                await self._act(change, arn)

    async def _act(self, change: StateChange, arn: str) -> None:
        try:
            if ":lambda:" in arn:
                await self._deliver(_delivery(change, arn))
                self._remember(change.alarm, f"Sent an event to action {arn}")
            else:
                await self._publish(change, arn)
                self._remember(change.alarm, f"Successfully executed action {arn}")
        except (SandboxError, OSError) as error:
            self._remember(change.alarm, f"Failed to execute action {arn}. {error}")

    async def _publish(self, change: StateChange, arn: str) -> None:
        alarm = change.alarm
        missing = await self._refusal(
            Delivery(arn, "", _TO_TOPICS, source_arn=alarm.arn, source_account=alarm.account_id)
        )
        if missing:
            raise SandboxError(missing)
        form = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": arn,
            "Subject": subject(change),
            "Message": message(change),
        }
        region = arn.split(":")[3]
        scope = f"Credential={alarm.account_id}/20200101/{region}/sns/aws4_request"
        headers = [
            (b"Host", f"sns.{region}.amazonaws.com".encode()),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Authorization", f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0".encode()),
        ]
        status, _, body = await self._forward(b"POST", b"/", headers, urlencode(form).encode())
        if status != 200:
            raise SandboxError(f"SNS answered {status}: {body[:200].decode('utf-8', 'replace')}")

    def _remember(self, alarm: Alarm, summary: str) -> None:
        remember_action(alarm, self._clock.now(), summary)


def _delivery(change: StateChange, arn: str) -> Delivery:
    alarm = change.alarm
    payload = function_event(change).decode()
    return Delivery(arn, payload, _PRINCIPAL, source_arn=alarm.arn, source_account=alarm.account_id)
