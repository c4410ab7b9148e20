"""A clock that runs faster than the wall's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lambda_sandbox.clock import ManualClock, RealClock, ScaledClock
from lambda_sandbox.config import Config
from lambda_sandbox.drivers.waiting_clock import waiting_clock
from lambda_sandbox.errors import SandboxFault


def test_a_minute_is_a_second() -> None:
    wall = ManualClock(start=1000.0)
    fast = ScaledClock(wall, 60, origin=1000.0)
    wall.advance(2)
    assert fast.now() == 1120.0
    assert (fast.of(1001.0), fast.wall(1060.0), fast.real_s(60)) == (1060.0, 1001.0, 1.0)


@pytest.mark.parametrize(
    "clock", ["fast", "scaled", "scaled:0", "scaled:-3", "scaled:x", "scaled:nan", "scaled:inf"]
)
def test_clock_that_is_none_is_refused(clock: str) -> None:
    with pytest.raises(ValueError, match="real or scaled"):
        Config(clock=clock)


def test_scaled_clock_goes_on_where_it_was(tmp_path: Path) -> None:
    config, wall = Config(clock="scaled:60", state=tmp_path), RealClock()
    first = waiting_clock(config, wall)
    before = first.now()
    second = waiting_clock(config, wall)
    assert second.now() >= before
    with pytest.raises(SandboxFault, match="kept with --clock scaled:60"):
        waiting_clock(Config(state=tmp_path), wall)
    with pytest.raises(SandboxFault, match="kept with --clock scaled:60"):
        waiting_clock(Config(state=tmp_path, clock="scaled:10"), wall)


def test_a_clock_catches_up_with_what_the_machine_slept_through(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, wall = RealClock(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall + 3600.0)  # an hour, of which the counter knows nothing
    assert clock.now() < wall + 60.0
    assert clock.catch_up()
    assert clock.now() == pytest.approx(wall + 3600.0, abs=5.0)
    assert not clock.catch_up()


def test_a_clock_does_not_follow_a_wall_that_was_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, wall = RealClock(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall - 3600.0)
    assert not clock.catch_up()
    assert clock.now() >= wall
