"""Keeps the alarms in the sandbox's state, so that they watch on after a restart.

The metrics that they watch are in memory only: at the first look after a restart their data is missing, and an alarm goes
where its ``TreatMissingData`` says.
"""

from __future__ import annotations

from lambda_sandbox.clock import Clock
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.telemetry.alarms_kept import KeptAlarm


class AlarmKeeper:
    """Takes up what ``store`` holds, and writes there whatever changes; ``clock`` is the one that alarms go by."""

    def __init__(self, store: Store, cloudwatch: CloudWatch, clock: Clock) -> None:
        self._kept = store.collection("alarm", KeptAlarm, lambda each: (each.name,))
        self._alarms = cloudwatch.alarms
        self._alarms.restore((each.alarm() for each in self._kept.all()), clock.now())
        cloudwatch.on_change = self.save

    def save(self) -> None:
        """Write the alarms that changed and forget those that are gone; they are on disk when this returns."""
        for alarm in self._alarms.by_name.values():
            now = KeptAlarm.of(alarm)
            if self._kept.get(now.account_id, now.region, now.name) != now:
                self._kept.put(now)
        for kept in self._kept.all():
            if (kept.account_id, kept.region, kept.name) not in self._alarms.by_name:
                self._kept.delete(kept)
