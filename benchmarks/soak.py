"""Thirty functions at full speed, many of them ill-behaved: nothing may be left behind, and the others may not feel it.

What the server holds of the machine is compared before and after, each time without functions: whatever is more has leaked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks.footprint import Footprint, footprint, resident_mb
from benchmarks.invoke import percentile
from benchmarks.servers import Sandbox, sandbox

WINDOWS = 10  # parts of the run: the first is the start that the worst later one is compared with
_WARM_UP_S = 3.0
_BEGIN_S = 3.0  # the first calls of all functions are cold starts, and no measure of the others
_SETTLE_S, _LOOK_S = 30.0, 0.2
_GOOD_CALLERS, _ILL_CALLERS, _CONNECTIONS_AN_ILL_CALLER = 6, 10, 50

_GOOD = "def handler(event, context):\n    print('working')\n    return {'ok': True}\n"
_ILL = {
    "raises": "def handler(event, context):\n    raise ValueError('as it should')\n",
    "exits": "import os\n\ndef handler(event, context):\n    os._exit(3)\n",
    "timeout": "import time\n\ndef handler(event, context):\n    time.sleep(60)\n",
    "memory": "def handler(event, context):\n    return len(bytearray(1 << 30))\n",
    "orphans": (
        "import subprocess\n\ndef handler(event, context):\n"
        "    subprocess.Popen(['sleep', '60'], start_new_session=True)\n    raise SystemExit(1)\n"
    ),
}
# What each is answered with; "" is a success.
_ANSWERS = {
    "good": "",
    "raises": "ValueError",
    "exits": "Runtime.ExitError",
    "timeout": "Sandbox.Timedout",
    "memory": "Runtime exited with error: signal: killed",  # as AWS answers; the log says what killed it
    "orphans": "Runtime.ExitError",
}
FUNCTIONS = {f"good-{number}": "good" for number in range(15)} | {
    f"{kind}-{number}": kind for kind in _ILL for number in range(3)
}


@dataclass(slots=True)
class _Traffic:
    """``latencies_s`` are of the good functions, a list for each window."""

    latencies_s: list[list[float]] = field(default_factory=lambda: [[] for _ in range(WINDOWS)])
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def note(self, kind: str, head: bytes, body: bytes) -> None:
        failed = b"\r\nx-amz-function-error:" in head.lower()
        right = failed == bool(_ANSWERS[kind]) and _ANSWERS[kind].encode() in body
        self.answers[kind] += 1
        if not right and len(self.wrong) < 20:
            self.wrong.append(f"{kind}: {head[:40]!r} {body[:200]!r}")


def measure(seconds: float, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run for ``seconds`` and return the figures; see ``verdict`` for what they have to be."""
    with sandbox() as box:
        progress("warming up")
        _round(box, min(_WARM_UP_S, seconds), _Traffic(), lambda _: None)
        before = _settled(box.process_id)
        traffic = _Traffic()
        _round(box, seconds, traffic, progress)
        progress("waiting until everything has ended")
        after = _settled(box.process_id, before)
    return _figures(seconds, traffic, before, after)


def verdict(figures: dict[str, Any], p99_limit: float, memory_limit_mb: float) -> list[str]:
    """Return what is wrong, a sentence each."""
    wrong = [f"a wrong answer: {answer}" for answer in figures["wrong_answers"]]
    leaked = {name: more for name, more in figures["left_behind"].items() if more > 0 and name != "memory_mb"}
    wrong += [f"{more:g} {name.replace('_', ' ')} left behind" for name, more in leaked.items()]
    growth = figures["server_memory_mb"]["growth_in_second_half"]
    if growth > memory_limit_mb:
        wrong.append(f"the server's memory grew by {growth} MB in the second half")
    worst = figures["p99"]["worst_to_start"]
    if worst > p99_limit:
        wrong.append(f"p99 rose to {worst} times what it was at the start")
    return wrong


def _round(box: Sandbox, seconds: float, traffic: _Traffic, progress: Callable[[str], None]) -> None:
    """Create the functions, call them for so long, and delete them."""
    for name, kind in FUNCTIONS.items():
        timeout_s = 1 if kind == "timeout" else 60
        box.create(name, _ILL.get(kind, _GOOD), MemorySize=512, Timeout=timeout_s)
    asyncio.run(_call(box, seconds, traffic, progress))
    for name in FUNCTIONS:
        box.delete(name)


async def _call(box: Sandbox, seconds: float, traffic: _Traffic, progress: Callable[[str], None]) -> None:
    started = time.monotonic() + _BEGIN_S
    until = started + seconds
    good = [name for name, kind in FUNCTIONS.items() if kind == "good"]
    ill = [name for name, kind in FUNCTIONS.items() if kind != "good"]
    async with asyncio.TaskGroup() as group:
        for number in range(_GOOD_CALLERS):
            group.create_task(_caller(box, good, _choice(number), (started, until), traffic))
        for number in range(_ILL_CALLERS):
            group.create_task(_caller(box, ill, _choice(-1 - number), (started, until), traffic))
        for window in range(WINDOWS):
            await asyncio.sleep(started + (window + 1) * seconds / WINDOWS - time.monotonic())
            traffic.memory_mb.append(resident_mb(box.process_id))
            progress(f"{time.monotonic() - started:.0f} of {seconds:.0f} s, {traffic.answers.total()} calls")


def _choice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- which function is called next is no secret


async def _caller(
    box: Sandbox, functions: list[str], choice: random.Random, span: tuple[float, float], traffic: _Traffic
) -> None:
    """Call one function after the other, on a new connection now and then."""
    started, until = span
    address = urlsplit(box.endpoint)
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(_CONNECTIONS_AN_ILL_CALLER):
            name = choice.choice(functions)
            began = time.monotonic()
            if began >= until:
                break
            writer.write(box.request(name))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length))
            traffic.note(FUNCTIONS[name], head, body)
            if FUNCTIONS[name] == "good" and began >= started:
                window = min(WINDOWS - 1, int((began - started) / (until - started) * WINDOWS))
                traffic.latencies_s[window].append(time.monotonic() - began)
        writer.close()
        await writer.wait_closed()


def _settled(server: int, like: Footprint | None = None) -> Footprint:
    """Return what the server holds once that stays the same for a while, or is no more than ``like``."""
    deadline = time.monotonic() + _SETTLE_S
    last, same = footprint(server), 0
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        now = footprint(server)
        grown = now.grown(like) if like is not None else None
        if grown is not None and all(more <= 0 for name, more in grown.items() if name != "memory_mb"):
            return now
        same = (
            same + 1 if all(more == 0 for name, more in now.grown(last).items() if name != "memory_mb") else 0
        )
        if like is None and same * _LOOK_S >= 3:
            return now
        last = now
    return last


def _figures(seconds: float, traffic: _Traffic, before: Footprint, after: Footprint) -> dict[str, Any]:
    p99 = [percentile(window, 0.99) * 1000 for window in traffic.latencies_s if window]
    memory = traffic.memory_mb
    return {
        "seconds": seconds,
        "functions": len(FUNCTIONS),
        "calls": dict(traffic.answers),
        "wrong_answers": traffic.wrong,
        "left_behind": after.grown(before),
        "server_memory_mb": {
            "start": round(memory[0], 1),
            "end": round(memory[-1], 1),
            "growth_in_second_half": round(memory[-1] - memory[WINDOWS // 2 - 1], 1),
        },
        "p99": {
            "start_ms": round(p99[0], 2),
            "end_ms": round(p99[-1], 2),
            "worst_ms": round(max(p99), 2),
            "worst_to_start": round(max(p99) / p99[0], 2),
        },
    }
