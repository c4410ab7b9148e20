"""The clock that retries, windows and ages run by, as ``--clock`` asks for it.

POLICY: ``--clock scaled:60`` shortens what Lambda waits for (retries, batching windows, ages) and nothing else: functions, their
timeouts and their bill run in real time, and so does what other services wait for, such as a queue's visibility timeout.
"""

from __future__ import annotations

import json

from lambda_sandbox.clock import Clock, RealClock, ScaledClock, WaitingClock
from lambda_sandbox.config import Config
from lambda_sandbox.errors import SandboxFault

_FILE = "clock.json"


def waiting_clock(config: Config, clock: RealClock) -> WaitingClock:
    """Return the clock. With a state folder a scaled one goes on where it would be now, and never runs backwards.

    Raises ``SandboxFault`` when the folder was used with another clock.
    """
    if config.clock == "real":
        _refuse_other(config)
        return clock
    return ScaledClock(clock, config.clock_factor, _origin(config, clock))


def _refuse_other(config: Config) -> None:
    if config.state is not None and (config.state / _FILE).exists():
        kept = json.loads((config.state / _FILE).read_text("utf-8"))
        raise SandboxFault(_wrong(config, f"scaled:{kept['factor']:g}"))


def _origin(config: Config, clock: Clock) -> float:
    """Return when the scaled clock began; what is in the state was timed by it."""
    if config.state is None:
        return clock.now()
    path = config.state / _FILE
    if not path.exists():
        # Whole or not at all: a half-written file would stop the next start.
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"factor": config.clock_factor, "origin": clock.now()}), "utf-8")
        part.replace(path)
    kept = json.loads(path.read_text("utf-8"))
    if kept["factor"] != config.clock_factor:
        raise SandboxFault(_wrong(config, f"scaled:{kept['factor']:g}"))
    return float(kept["origin"])


def _wrong(config: Config, kept: str) -> str:
    return f"The state in {config.state} was kept with --clock {kept}: start with it again, or pass another --state folder."
