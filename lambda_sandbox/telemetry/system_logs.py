"""Lambda's own lines in a function's log: text as they come, or JSON events where its log format says so.

Source: AWS Lambda Developer Guide, "Log-level filtering", table "System log level event mapping".
"""  # UNCONFIRMED: the levels of that table are from memory

from __future__ import annotations

from collections.abc import Iterator

from lambda_sandbox.invocation.environment import Environment, InitializationType
from lambda_sandbox.invocation.extension import READY, ExtensionStatus
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, PhaseEnd, Subscribed, WriteLog
from lambda_sandbox.invocation.report import LongReport, Report
from lambda_sandbox.telemetry import platform_events
from lambda_sandbox.telemetry.platform_events import Record
from lambda_sandbox.telemetry.traces_header import SAMPLED

_DEBUG, _INFO, _WARN = "DEBUG", "INFO", "WARN"
_ORDER = (_DEBUG, _INFO, _WARN)

Event = tuple[str, str, Record, float]  # level, kind, record, seconds since the epoch


def made_of(action: WriteLog) -> Report | LongReport | tuple[str, str] | None:
    """Return what the text lines of an invocation are made of once somebody reads them; ``None`` for every other line."""
    about = action.about
    if action.line or action.environment.function.log_format == "JSON":
        return None
    if type(about) is Invocation:
        return about.request_id, about.function.version
    if type(about) is not InvocationRecord or about.report is None:
        return None
    header = about.invocation.trace_header
    notice, sampled = action.environment.runtime_notice, SAMPLED in header
    return LongReport(about.report, header if sampled else "", notice) if sampled or notice else about.report


def written(action: WriteLog, now: float) -> bytes:
    """Return the bytes that ``action`` puts into the log at ``now``, perhaps none.

    What a failed invocation leaves is text in both formats.
    """
    function, text = action.environment.function, action.text
    is_event = action.about is not None or text.startswith(("INIT_START", "RESTORE_START"))
    if function.log_format == "JSON" and is_event:
        lowest = _ORDER.index(function.system_log_level or _INFO)
        kept = (each for each in _events(action, now) if _ORDER.index(each[0]) >= lowest)
        return b"".join(platform_events.encoded(kind, record, at) + b"\n" for _, kind, record, at in kept)
    notice = action.environment.runtime_notice if text.startswith("INIT_START") else ""
    return f"{text}\t{notice}\n".encode() if notice else f"{text}\n".encode()


def _events(action: WriteLog, now: float) -> Iterator[Event]:
    environment, about = action.environment, action.about
    if isinstance(about, InvocationRecord):
        yield from _of_invocation(about, now, environment.runtime_notice)
    elif isinstance(about, PhaseEnd):
        yield from _of_phase(environment, about, now)
    elif isinstance(about, ExtensionStatus):
        yield (_INFO if about.state == READY else _WARN, *platform_events.extension(about), now)
    elif isinstance(about, Subscribed):
        yield _INFO, *platform_events.subscribed(about), now
    elif isinstance(about, Invocation):
        if environment.invocations == 1 and environment.ready_at is not None and not environment.restored:
            yield from _of_first_init(environment, environment.ready_at)
        yield _INFO, "platform.start", platform_events.start(about), now
    else:
        yield _INFO, *platform_events.init_start(environment), now


def _of_invocation(done: InvocationRecord, now: float, notice: str) -> Iterator[Event]:
    level = _DEBUG if done.status == "success" else _WARN
    ended = platform_events.runtime_done(
        done.invocation, str(done.status), done.started_at, done.ended_at, None, done.error_type
    )
    yield level, "platform.runtimeDone", ended, now
    yield max(level, _INFO, key=_ORDER.index), "platform.report", platform_events.report(done, notice), now


def _of_first_init(environment: Environment, ready_at: float) -> Iterator[Event]:
    """A text log is silent about an init that went well; its time stands in the REPORT line."""
    if environment.initialization_type is InitializationType.ON_DEMAND and environment.init_attempt == 1:
        took_ms = (ready_at - environment.started_at) * 1000.0
        yield from _of_phase(environment, PhaseEnd(took_ms), ready_at)


def _of_phase(environment: Environment, end: PhaseEnd, now: float) -> Iterator[Event]:
    well = end.status == "success"
    quiet = well and environment.initialization_type is InitializationType.ON_DEMAND
    yield (
        _DEBUG if well else _WARN,
        *platform_events.init_runtime_done(environment, end.status, end.error_type),
        now,
    )
    level = _WARN if not well else _DEBUG if quiet else _INFO
    yield level, *platform_events.init_report(environment, end.took_ms, end.status), now
