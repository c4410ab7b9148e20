"""An execution environment inside this very interpreter: the function's own modules, variables, output and time.

It runs the client that process environments run; only the transport differs. What cannot be had without a process is
listed in ``MISSING``.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.in_process.event_loops import stepped_out
from lambda_sandbox.environments.runtimes import python_client, python_context
from lambda_sandbox.environments.runtimes.python_faults import error_payload
from lambda_sandbox.environments.runtimes.python_json import Encoder
from lambda_sandbox.environments.runtimes.python_logging import configure_logging, log_error
from lambda_sandbox.environments.variables import variables
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import Exit

MISSING = (
    "processes (the handler shares this interpreter, its files and its network)",
    "memory (neither limited nor measured: Max Memory Used shows 0 MB)",
    "timeouts of code that computes (it is reported as timed out, but not interrupted; time.sleep is)",
    "a private /tmp and read-only code",
    "layers (there is no /opt; a function that has some is refused)",
    "runtimes other than this interpreter's Python",
    "SnapStart's runtime hooks",
)

Handler = Callable[[Any, Any], Any]


def runtime_notice(runtime: str) -> str:
    """Return one sentence where this interpreter is another version than ``runtime``; else ``""``.

    >>> runtime_notice(f"python{sys.version_info[0]}.{sys.version_info[1]}")
    ''
    """
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if runtime == f"python{own}":
        return ""
    return f"{runtime} runs on Python {own}: the in_process driver has no other."


class DeadlinePassed(BaseException):
    """Raised inside ``time.sleep`` at the deadline; not an ``Exception``, so that no handler catches it by accident."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime posts: a response, an error, or nothing because it exited."""

    payload: bytes = b""
    error_type: str | None = None
    exit: Exit | None = None


@dataclass(slots=True, eq=False)
class Interpreter:
    """One environment. ``write`` takes what the function prints, as bytes; seconds come from ``clock``."""

    environment: Environment
    code: Path
    clock: ManualClock
    write: Callable[[bytes], None]
    _modules: dict[str, ModuleType] = field(default_factory=dict)
    _variables: dict[str, str] = field(default_factory=dict)
    _handler: Handler | None = None
    _log_handlers: list[logging.Handler] = field(default_factory=list)
    _log_level: int = logging.WARNING

    def init(self) -> Answer | None:
        """Load the function; return ``None`` when that worked."""
        function = self.environment.function
        self._modules.clear()
        self._variables = variables(
            function,
            self.environment.log_stream,
            task=str(self.code),
            runtime=str(self.code),
            bare=True,
            initialization_type=self.environment.initialization_type,
        )
        self._variables |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
        self._log_handlers, self._log_level = [], logging.WARNING
        with self._entered(self.environment.deadline):
            configure_logging()
            try:
                self._handler = python_client.load_handler(function.handler)
            except Exception as error:
                payload = error_payload(error, "")
                log_error(payload)
                return self._error(Encoder().encode(payload).encode(), payload["errorType"])
            except SystemExit as stop:
                return Answer(exit=_exit(stop))
            except DeadlinePassed:
                return Answer(error_type="Sandbox.Timedout")
        return None

    def run(self, invocation: Invocation, deadline: float) -> Answer:
        """Run one event. ``deadline`` is on the clock."""
        handler = self._handler
        assert handler is not None
        headers = self._headers(invocation, deadline)
        with self._entered(self.environment.deadline):  # a fault may tell the function another
            python_client.begin_request(invocation.request_id)
            os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_header
            try:
                message = python_client.handle(handler, headers, invocation.payload, Encoder())
            except SystemExit as stop:
                return Answer(exit=_exit(stop))
            except UnicodeEncodeError:
                return Answer(exit=Exit(code=1))
            except DeadlinePassed:
                return Answer(error_type="Sandbox.Timedout")
        return self._posted(message)

    def _headers(self, invocation: Invocation, deadline: float) -> dict[str, str]:
        headers = {
            python_context.REQUEST_ID: invocation.request_id,
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn or invocation.function.arn,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return headers

    def _posted(self, message: bytes) -> Answer:
        """Read the client's message as the Runtime API would: the path tells a response from an error."""
        head, _, payload = message.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        if lines[0].split()[1].endswith("/response"):
            return Answer(payload)
        name = "lambda-runtime-function-error-type:"
        kind = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith(name)), "")
        return self._error(payload, kind)

    def _error(self, payload: bytes, error_type: str) -> Answer:
        return Answer(self._with_task_root(payload), error_type)

    def _with_task_root(self, data: bytes) -> bytes:
        """Name the code's folder as AWS does in tracebacks."""
        return data.replace(str(self.code).encode(), b"/var/task")

    @contextmanager
    def _entered(self, deadline: float) -> Iterator[None]:
        """Swap this interpreter's world for the environment's; calls nest, as functions invoke functions."""
        if _entered:
            _entered[-1].watch.count()
        outside = _World.capture(_names_in(self.code))
        watch = _Stopwatch(self.clock, deadline)
        root = logging.getLogger()
        entry = _Entry(self.code, watch, dict(sys.modules))
        _entered.append(entry)
        try:
            _set_variables(self._variables)
            sys.path.insert(0, str(self.code))
            sys.path_importer_cache.pop(str(self.code), None)
            _forget_modules(outside.hidden_modules)
            sys.modules.update(self._modules)
            sys.stdout = sys.stderr = _Output(lambda data: self.write(self._with_task_root(data)))
            root.handlers[:], root.level = self._log_handlers, self._log_level
            _set_time(watch.sleep, watch.time)
            with stepped_out():
                yield
        finally:
            self._variables = dict(os.environ)
            self._modules = _modules_of(entry)
            self._log_handlers, self._log_level = list(root.handlers), root.level
            outside.restore(self._modules)
            watch.count()
            _entered.pop()
            if _entered:
                _entered[-1].watch.skip()


@dataclass(frozen=True, slots=True)
class _World:
    """What a function sees of the interpreter, as it was outside."""

    variables: dict[str, str]
    path: list[str]
    stdout: Any
    stderr: Any
    sleep: Callable[..., None]
    time: Callable[[], float]
    log_handlers: list[logging.Handler]
    log_level: int
    hidden_modules: dict[str, ModuleType]

    @classmethod
    def capture(cls, names: set[str]) -> _World:
        """``names`` are the function's own modules: what is loaded under these names from elsewhere is hidden."""
        root = logging.getLogger()
        return cls(
            dict(os.environ),
            list(sys.path),
            sys.stdout,
            sys.stderr,
            time.sleep,
            time.time,
            list(root.handlers),
            root.level,
            {**_loaded(names), **(_modules_of(_entered[-1]) if _entered else {})},
        )

    def restore(self, left: dict[str, ModuleType]) -> None:
        root = logging.getLogger()
        _set_variables(self.variables)
        sys.path[:] = self.path
        sys.stdout, sys.stderr = self.stdout, self.stderr
        _set_time(self.sleep, self.time)
        root.handlers[:], root.level = self.log_handlers, self.log_level
        _forget_modules(left)
        sys.modules.update(self.hidden_modules)


class _Stopwatch:
    """Moves the manual clock by the real time that the function computes, and jumps over what it sleeps."""

    def __init__(self, clock: ManualClock, deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._over = False
        self._counted = time.perf_counter()

    def count(self) -> None:
        """Add what passed since the last count."""
        now = time.perf_counter()
        if (
            not self._over
        ):  # at its deadline an environment is gone: unwinding the handler takes none of its time
            self._clock.advance(now - self._counted)
        self._counted = now

    def skip(self) -> None:
        """Leave out what passed since the last count: a function that this one invoked has counted it."""
        self._counted = time.perf_counter()

    def time(self) -> float:
        self.count()
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Stands in for ``time.sleep``: the clock moves, nobody waits; at the deadline the function ends."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.count()
        wake = self._clock.now() + seconds
        self._clock.move_to(min(wake, self._deadline))
        if wake >= self._deadline:
            self._over = True
            raise DeadlinePassed


class _Output(io.TextIOBase):
    """Standard output of a function: every write goes to its log stream at once."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._write(text.encode("utf-8", "replace"))
        return len(text)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An environment that runs. ``before`` are the modules that were loaded when it was entered, its own not among them."""

    code: Path
    watch: _Stopwatch
    before: dict[str, ModuleType]


_entered: list[_Entry] = []  # the environments that run now, each invoked by the one before it


def _names_in(code: Path) -> set[str]:
    names = {path.stem for path in code.iterdir() if path.suffix == ".py" or path.is_dir()}
    return names - sys.stdlib_module_names


def _loaded(names: set[str]) -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}


def _modules_of(entry: _Entry) -> dict[str, ModuleType]:
    """Return the loaded modules whose file lies under the entry's code: they belong to one environment alone.

    Only what was not loaded before can be such: asking a thousand modules for their files would take longer than the handler.
    """
    folder = f"{entry.code}{os.sep}"
    before = entry.before
    return {
        name: module
        for name, module in list(sys.modules.items())
        if before.get(name) is not module and (getattr(module, "__file__", None) or "").startswith(folder)
    }


def _set_variables(wanted: dict[str, str]) -> None:
    """Make the environment's variables these; each change is a call to the system, so that only differences are set."""
    found = dict(os.environ)
    for name in found.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(dict(wanted.items() - found.items()))


def _set_time(sleep: Callable[..., None], now: Callable[[], float]) -> None:
    time.sleep, time.time = sleep, now


def _forget_modules(modules: dict[str, ModuleType]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def _exit(stop: SystemExit) -> Exit:
    if stop.code is None or isinstance(stop.code, int):
        return Exit(code=(stop.code or 0) & 0xFF)
    return Exit(code=1)
