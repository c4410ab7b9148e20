"""An alarm as it is kept on disk: its definition, its state and its history, but none of the data that it looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lambda_sandbox.telemetry.alarms import Alarm
from lambda_sandbox.telemetry.alarms_decision import AlarmState


@dataclass(frozen=True, slots=True)
class KeptAlarm:
    """``definition``, ``tags`` and ``history`` are JSON. Times are seconds on the sandbox's clock."""

    account_id: str
    region: str
    name: str
    definition: str
    configured_at: float
    state: str
    reason: str
    reason_data: str
    state_at: float
    changed_at: float
    tags: str
    history: str

    @classmethod
    def of(cls, alarm: Alarm) -> KeptAlarm:
        return cls(
            alarm.account_id,
            alarm.region,
            alarm.name,
            json.dumps(alarm.definition),
            alarm.configured_at,
            str(alarm.state),
            alarm.reason,
            alarm.reason_data,
            alarm.state_at,
            alarm.changed_at,
            json.dumps(alarm.tags),
            json.dumps(list(alarm.history)),
        )

    def alarm(self) -> Alarm:
        made = Alarm(self.account_id, self.region, json.loads(self.definition), self.configured_at)
        made.state, made.reason, made.reason_data = AlarmState(self.state), self.reason, self.reason_data
        made.state_at, made.changed_at = self.state_at, self.changed_at
        made.tags.update(json.loads(self.tags))
        made.history.extend(json.loads(self.history))
        return made
