"""The why of one invocation: everything that led to it, happened in it and followed from it, step by step, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, InvocationType, Status
from lambda_sandbox.telemetry.billing import invocation_price
from lambda_sandbox.telemetry.explain_choice import choice, limit_of
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.neighbour_bill import NeighbourPrices, of_call, plain
from lambda_sandbox.telemetry.neighbour_usage import call_row
from lambda_sandbox.telemetry.prices import Prices
from lambda_sandbox.telemetry.views import clock_time

Json = dict[str, Any]
_NAMED = 5  # of many records or calls the first ones are named


@dataclass(frozen=True)
class Witnesses:
    """Who knows something. ``waiting(request_id)`` is an event that waits, ``running(request_id)`` an invocation under way."""

    history: History
    clock: WaitingClock
    account_limit: int = quotas.ACCOUNT_CONCURRENCY
    waiting: Callable[[str], Invocation | None] = lambda request_id: None
    running: Callable[[str], Invocation | None] = lambda request_id: None


def explain(request_id: str, witnesses: Witnesses) -> Json:
    """Return the life of a request: ``steps`` in order, ``attempts``, ``phases_ms``, ``price`` and what it is related to.

    Each step has ``at`` (seconds since the epoch), ``after_ms`` since the arrival, ``kind``, ``text`` and, where something
    took time, ``took_ms``. Raises ``LookupError`` with one sentence for an id that nothing is known of.
    """
    records = witnesses.history.of_request(request_id)
    pending = witnesses.waiting(request_id) or witnesses.running(request_id)
    if not records and pending is None:
        raise LookupError(
            f"No invocation with the request id {request_id} is known: it never came here, or is older than the history."
        )
    first = records[0].invocation if records else pending
    assert first is not None
    steps = [step for step in _steps(first, records, witnesses) if step]
    for step in steps:
        step["after_ms"] = round((step["at"] - first.arrived_at) * 1000.0, 3)
    last = records[-1] if records else None
    return {
        "request_id": request_id,
        "function_name": first.function.function_name,
        "function_arn": first.function.qualified_arn,
        "invocation_type": first.invocation_type.value,
        "status": last.status.value if last is not None else "pending",
        "error_type": last.error_type if last is not None else "",
        "attempts": [_attempt(record, witnesses) for record in records],
        "steps": steps,
        "price": _price(records, witnesses),
        "calls": [call_row(call) for call in witnesses.history.neighbours.of_request(request_id)],
        "related": _related(first, witnesses),
        "summary": _summary(first, records),
    }


def find(history: History, *, function: str | None = None, last_error: bool = False) -> str:
    """Return the id of the last request, of one function or of those that failed. Raises ``LookupError``."""
    for record in reversed(history.records):
        if function is not None and record.invocation.function.function_name != function:
            continue
        if last_error and record.status is Status.SUCCESS:
            continue
        return record.invocation.request_id
    what = "failed invocation" if last_error else "invocation"
    raise LookupError(f"There is no {what}{f' of {function}' if function else ''} in the history.")


# --- the steps ---------------------------------------------------------------------------------------


def _step(at: float, kind: str, text: str, took_ms: float | None = None) -> Json:
    step: Json = {"at": at, "kind": kind, "text": text}
    return step if took_ms is None else step | {"took_ms": round(took_ms, 3)}


def _steps(first: Invocation, records: list[InvocationRecord], witnesses: Witnesses) -> Iterator[Json]:
    yield _arrival(first)
    yield from _batch(first, witnesses.history)
    if first.routed:
        yield _step(first.arrived_at, "alias", f"{first.routed}.")
    for record in records:
        yield from _of_attempt(record, witnesses)
    waiting = witnesses.waiting(first.request_id)
    if waiting is not None:
        due = witnesses.clock.wall(waiting.due_at)
        yield _step(due, "waits", f"It waits: attempt {waiting.attempt} is due now or at {_utc(due)}.")
    elif witnesses.running(first.request_id) is not None:
        yield _step(witnesses.clock.now(), "running", "It is running now.")
    for delivery in witnesses.history.deliveries_of(first.request_id):
        yield _step(delivery["at"], "destination", delivery["why"])


def _arrival(invocation: Invocation) -> Json:
    kind = {
        InvocationType.EVENT: "as an event (the caller had 202 at once, Lambda queued it)",
        InvocationType.REQUEST_RESPONSE: "as a request (the caller waits for the answer)",
    }.get(invocation.invocation_type, "as a dry run")
    named = invocation.invoked_arn or invocation.function.arn
    text = f"It arrived {kind} for {named}, with {len(invocation.payload):,} bytes."
    return _step(invocation.arrived_at, "arrival", text)


def _batch(first: Invocation, history: History) -> Iterator[Json]:
    batch = history.batch_of(first.request_id)
    if batch is None:
        return
    names = ", ".join(batch.records[:_NAMED]) + (" …" if batch.count > _NAMED else "")
    yield _step(
        first.arrived_at,
        "batch",
        f"Event source mapping {batch.uuid} made a batch of {batch.count}: {names}.",
    )
    before = history.batches_before(batch)
    since = max((n + 1 for n, each in enumerate(before) if each.request_id), default=0)
    for passed in before[since:]:
        some = ", ".join(passed.records[:_NAMED]) + (" …" if passed.count > _NAMED else "")
        yield _step(passed.at, "filter", f"{passed.count} records before it: {some}: {passed.why}.")
    mine = set(batch.records)
    for again in before:
        if again.request_id and mine & set(again.records):
            text = f"{len(mine & set(again.records))} of these records were in request {again.request_id} before: {again.why}."
            yield _step(again.at, "retry", text)
    yield _step(batch.at, "batch", f"What became of the batch: {batch.why}.")


def _of_attempt(record: InvocationRecord, witnesses: Witnesses) -> Iterator[Json]:
    history, invocation = witnesses.history, record.invocation
    number = f"Attempt {invocation.attempt}: " if invocation.invocation_type is InvocationType.EVENT else ""
    if record.throttled_by:
        limit = limit_of(record, witnesses.account_limit)
        yield _step(record.started_at, "throttle", f"{number}Throttled ({record.throttled_by}) by {limit}.")
    elif record.environment_id:
        yield _step(_chosen_at(record), "environment", number + choice(record, history))
    else:
        yield _step(record.started_at, "refused", f"{number}{record.because}.")
    for fault in history.faults_of(invocation.request_id):
        if _within(fault["at"], record):
            yield _step(fault["at"], "fault", f"A fault that was asked for: {fault['why']}.")
    yield from _phases(record)
    for call in history.neighbours.of_request(invocation.request_id):
        if _within(call.at, record):
            what = f"{call.service}.{call.operation}{f' {call.resource}' if call.resource else ''}: {call.status}"
            yield _step(call.at, "call", f"The function called {what}.", call.duration_ms)
    if record.report is not None:
        yield _end(record)
    yield from _afterwards(record, witnesses)


def _within(at: float, record: InvocationRecord) -> bool:
    return _chosen_at(record) - 0.001 <= at <= record.ended_at + 0.001


def _chosen_at(record: InvocationRecord) -> float:
    """When the environment was chosen: before its init or restore, if it had one for this attempt."""
    report = record.report
    before_ms = ((report.init_duration_ms or 0.0) + (report.restore_duration_ms or 0.0)) if report else 0.0
    first = record.invocation.attempt == 1 and not record.invocation.throttles
    earliest = record.invocation.arrived_at if first else 0.0
    return max(earliest, record.started_at - before_ms / 1000.0)


def phases_ms(record: InvocationRecord) -> dict[str, float]:
    """Return what an attempt's time went into: queue, init, restore, invoke and extensions, in milliseconds.

    ``queue`` is what is left between the arrival (of a first attempt) and the init or the handler.
    """
    report, invocation = record.report, record.invocation
    if report is None:
        return {}
    init_ms, restore_ms = report.init_duration_ms or 0.0, report.restore_duration_ms or 0.0
    queue_ms = 0.0
    if invocation.attempt == 1:
        queue_ms = max(0.0, (record.started_at - invocation.arrived_at) * 1000.0 - init_ms - restore_ms)
    extensions_ms = (record.ended_at - record.answered_at) * 1000.0 if record.answered_at else 0.0
    invoke_ms = max(0.0, report.duration_ms - extensions_ms)
    times = {
        "queue": queue_ms,
        "init": init_ms,
        "restore": restore_ms,
        "invoke": invoke_ms,
        "extensions": extensions_ms,
    }
    return {name: round(value, 3) for name, value in times.items()}


_WORDS = {
    "queue": "It waited before anything ran for it",
    "init": "Init: extensions, the runtime and the code outside the handler",
    "restore": "Restore: the environment was let out of the version's snapshot",
    "invoke": "Invoke: the handler ran",
    "extensions": "Extensions worked on after the handler had answered",
}


def _phases(record: InvocationRecord) -> Iterator[Json]:
    at = _chosen_at(record)
    for name, took_ms in phases_ms(record).items():
        if name == "queue":
            if took_ms >= 0.01:
                yield _step(
                    record.invocation.arrived_at, name, f"{_WORDS[name]} for {took_ms:.2f} ms.", took_ms
                )
        elif took_ms:
            yield _step(at, name, f"{_WORDS[name]} for {took_ms:.2f} ms.", took_ms)
            at += took_ms / 1000.0


def _end(record: InvocationRecord) -> Json:
    report = record.report
    assert report is not None
    how = {
        "success": "It succeeded",
        "timeout": "It timed out",
        "error": f"It failed with {record.error_type}",
    }
    text = f"{how.get(record.status.value, record.status.value)}: {report.duration_ms:.2f} ms, billed {report.billed_ms} ms, "
    return _step(record.ended_at, "end", f"{text}{report.max_memory_mb} of {report.memory_mb} MB used.")


def _afterwards(record: InvocationRecord, witnesses: Witnesses) -> Iterator[Json]:
    if not record.then and not record.retry_at:
        return
    if record.retry_at:
        due = witnesses.clock.wall(record.retry_at)
        age_s = witnesses.clock.of(record.ended_at) - witnesses.clock.of(record.invocation.arrived_at)
        text = (
            f"The event is tried again at {_utc(due)}, in {record.retry_at - witnesses.clock.of(record.ended_at):.0f} s; it is "
            f"{age_s:.0f} s old and may become {record.invocation.maximum_event_age_s:,.0f} s."
        )
        yield _step(record.ended_at, "retry", text)
    else:
        yield _step(record.ended_at, "given up", f"{record.then.removeprefix('; ').capitalize()}.")


# --- the rest ----------------------------------------------------------------------------------------


def _attempt(record: InvocationRecord, witnesses: Witnesses) -> Json:
    return {
        "attempt": record.invocation.attempt,
        "status": record.status.value,
        "error_type": record.error_type,
        "environment_id": record.environment_id,
        "cold": record.cold,
        "throttled_by": record.throttled_by,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "retry_at": witnesses.clock.wall(record.retry_at) if record.retry_at else None,
        "phases_ms": phases_ms(record),
        "why": record.why,
    }


def _price(records: list[InvocationRecord], witnesses: Witnesses) -> Json:
    prices = Prices.load()
    rows = [invocation_price(record, prices) for record in records if record.report is not None]
    beside = NeighbourPrices.load()
    calls = witnesses.history.neighbours.of_request(records[0].invocation.request_id) if records else []
    ours = sum((row.total_usd for row in rows), Decimal(0))
    theirs = sum((of_call(call, beside) for call in calls), Decimal(0))
    return {
        "arithmetic": [row.arithmetic for row in rows],
        "lambda_usd": plain(ours),
        "neighbours_usd": plain(theirs),
        "total_usd": plain(ours + theirs),
        "as_of": prices.as_of,
        "region": prices.region,
    }


def _related(first: Invocation, witnesses: Witnesses) -> list[Json]:
    """Return the other requests of the trace: what called it, and what it called."""
    root = first.trace_header.partition(";")[0]
    if not root.startswith("Root="):
        return []
    found = {record.invocation.request_id: record for record in witnesses.history.of_trace(root)}
    found.pop(first.request_id, None)
    return [
        {
            "request_id": request_id,
            "function_name": record.invocation.function.function_name,
            "status": record.status.value,
        }
        for request_id, record in found.items()
    ]


def _summary(first: Invocation, records: list[InvocationRecord]) -> str:
    name = first.function.function_name
    if not records:
        return f"{name} has not finished this request yet."
    last = records[-1]
    start = "cold" if last.cold else "warm"
    if last.throttled_by:
        return f"{name} was throttled: {last.throttled_by}."
    ran = len([record for record in records if record.report is not None])
    attempts = f" after {ran} attempts" if ran > 1 else ""
    took = f" in {last.report.duration_ms:.2f} ms" if last.report is not None else ""
    words = {"success": "succeeded", "timeout": "timed out", "error": f"failed with {last.error_type}"}
    return f"{name} {words.get(last.status.value, last.status.value)}{attempts}{took} ({start} start)."


def _utc(moment: float) -> str:
    return f"{clock_time(moment)} UTC"
