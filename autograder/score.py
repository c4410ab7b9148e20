"""Runs a lab's checks in this process and gathers typed results; no student code is alive by now.

pytest collects a lab's checks once (``collected``); where processes can be forked, each submission is scored in a fork of
the process that holds them, so that neither pytest's start nor a check's imports are paid for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest

from autograder.catalogue import function_of
from autograder.errors import GraderFault, NoAnswer
from autograder.execute import Execution
from autograder.failures import CheckTimeout, told
from autograder.notebook import Notebook, PlainAnswers, answer_source, literal_answers
from autograder.sandbox import Sandbox

_MARKS = (
    "points(n): what the check is worth",
    "held: the instructor's own; the learner sees only how many there are",
    "given: the starter may pass this check",
    "work: asks for work (the default)",
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome. ``outcome`` is ``passed`` or ``failed``; texts are plain and unescaped."""

    id: str
    title: str
    points: int
    earned: int
    held: bool
    given: bool
    outcome: str
    wanted: str = ""
    got: str = ""
    look_at: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def missed(self) -> list[tuple[str, str]]:
        """What a check that failed tells, each text with its label, in reading order."""
        texts = {"wanted": self.wanted, "got": self.got, "look at": self.look_at, "reason": self.reason}
        return [(label, text) for label, text in texts.items() if text]


class SubmissionView:
    """What a check may know of the notebook itself: text, never a live object."""

    def __init__(self, notebook: Notebook, execution: Execution) -> None:
        self._notebook = notebook
        self._execution = execution

    def source(self, name: str) -> str:
        """Return the source of the answer cell ``name``; raises NoAnswer if there is none."""
        return answer_source(self._notebook, name)

    def literal(self, name: str) -> PlainAnswers:
        """Return the plain values that the answer cell assigns, read without running it."""
        return literal_answers(self.source(name), name)

    def outputs_text(self, name: str) -> str:
        """Return what the answer cell printed or showed as text, shortened to the output limit."""
        self.source(name)
        index = self._notebook.answers[name]
        return self._execution.texts[index] if index < len(self._execution.texts) else ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one scoring run is about. With ``refused`` no check is run: each fails with that sentence as its reason.

    With ``only`` the run is about these check functions and no others.
    """

    view: SubmissionView
    sandbox: Sandbox | None
    seed: str
    check_s: float
    refused: str = ""
    only: frozenset[str] = frozenset()


class Checks:
    """A lab's checks, collected."""

    def __init__(self, folder: Path, plugin: ScorePlugin, session: pytest.Session) -> None:
        self._folder = folder
        self._plugin = plugin
        self._session = session

    def run(self, subject: Subject) -> tuple[CheckResult, ...]:
        """Return the results in file order.

        Raises GraderFault when nothing was collected, a check file is broken, or the sandbox went away.
        """
        plugin, items = self._plugin, self._session.items
        plugin.results = []
        if subject.only:
            items = [item for item in items if function_of(item.name) in subject.only]
        plugin.subject = subject
        cut_short = ""
        try:
            for item, following in zip_longest(items, items[1:]):
                if not plugin.problems:
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except (pytest.exit.Exception, KeyboardInterrupt) as end:
            cut_short = f"The checks were cut short ({type(end).__name__}: {end})."
        if plugin.problems or cut_short:
            raise GraderFault([*plugin.problems, cut_short][0])
        if not plugin.results:
            raise GraderFault(f"No check ran in {self._folder}.")
        _refuse_twins(plugin.results)
        return tuple(plugin.results)


class ScorePlugin:
    """The pytest plugin of one lab's checks: fixtures, marks, and the results as they come."""

    subject: Subject

    def __init__(self, folder: Path, use: Callable[[Checks], None]) -> None:
        self.results: list[CheckResult] = []
        self.problems: list[str] = []
        self._folder = folder
        self._use = use

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._use(Checks(self._folder, self, session))
        return True

    @pytest.fixture
    def submission(self) -> SubmissionView:
        return self.subject.view

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        if self.subject.sandbox is None:
            raise GraderFault("This check needs a sandbox, and the lab was graded without one.")
        return self.subject.sandbox

    @pytest.fixture
    def seeded(self, request: pytest.FixtureRequest) -> random.Random:
        digest = hashlib.sha256(f"{self.subject.seed}\0{request.node.name}".encode()).digest()
        return random.Random(digest)  # noqa: S311 (inputs of checks, not secrets)

    def pytest_configure(self, config: pytest.Config) -> None:
        for mark in _MARKS:
            config.addinivalue_line("markers", mark)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed or report.skipped:
            self.problems.append(
                f"{report.nodeid or 'the checks'} could not be collected: {_last_line(report.longrepr)}"
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began = time.monotonic()
        item.stash[_FAILURE] = []
        result = yield
        try:
            self.results.append(_result(item, item.stash[_FAILURE], time.monotonic() - began))
        except GraderFault as fault:
            self.problems.append(str(fault))
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        if self.subject.refused:
            raise NoAnswer(self.subject.refused)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Iterator[None]:
        with _alarm(self.subject.check_s):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Keep what was raised; a traceback with its sources, which nobody reads, would take longer than the check."""
        failed = call.excinfo is not None
        if call.excinfo is not None:
            item.stash[_FAILURE].append(call.excinfo.value)
        outcome: Literal["passed", "failed"] = "failed" if failed else "passed"
        assert call.when != "collect"
        return pytest.TestReport(
            item.nodeid, item.location, {}, outcome, "", call.when, (), call.duration, call.start, call.stop
        )


_FAILURE: pytest.StashKey[list[BaseException]] = pytest.StashKey()


def collected(folder: Path, use: Callable[[Checks], None]) -> None:
    """Collect the checks in ``folder`` and call ``use`` with them, in a process set up for them to run in."""
    plugin = ScorePlugin(folder, use)
    with tempfile.TemporaryDirectory(prefix="checks-") as scratch, _quiet_process(scratch):
        pytest.main(_arguments(folder, Path(scratch)), plugins=[plugin])


def run_checks(
    folder: Path,
    view: SubmissionView,
    sandbox: Sandbox | None,
    *,
    seed: str,
    check_s: float,
    refused: str = "",
) -> tuple[CheckResult, ...]:
    """Collect the checks in ``folder``, run them and return their results; see ``Checks.run``."""
    found: list[tuple[CheckResult, ...]] = []
    faults: list[GraderFault] = []

    def use(checks: Checks) -> None:
        try:
            found.append(checks.run(Subject(view, sandbox, seed, check_s, refused)))
        except GraderFault as fault:
            faults.append(fault)

    collected(folder, use)
    if faults:
        raise faults[0]
    if not found:
        raise GraderFault(f"No check ran in {folder}: pytest could not collect it.")
    return found[0]


def _arguments(folder: Path, scratch: Path) -> list[str]:
    settings = scratch / "pytest.ini"
    settings.write_text("[pytest]\naddopts =\n")
    words = [
        str(folder),
        "-c",
        str(settings),
        f"--rootdir={folder}",
        f"--confcutdir={folder}",
        "--strict-markers",
    ]
    words += [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "--import-mode=importlib",
        "--assert=plain",
        "-W",
        "ignore",
    ]
    return [*words, "-o", "addopts=", "-o", "xfail_strict=true", f"--basetemp={scratch / 'tmp'}"]


@contextlib.contextmanager
def _quiet_process(scratch: str) -> Iterator[None]:
    """Keep other people's plugins, AWS settings and byte code out of the run, and the run's modules out of this process."""
    before = dict(os.environ)
    modules = set(sys.modules)
    no_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    for name in list(os.environ):
        if name.startswith(("AWS_", "PYTEST_", "BOTO_")):
            del os.environ[name]
    nowhere = os.path.join(scratch, "none")
    os.environ.update(
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        AWS_CONFIG_FILE=nowhere,
        AWS_SHARED_CREDENTIALS_FILE=nowhere,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1",
    )
    try:
        yield
    finally:
        sys.dont_write_bytecode = no_bytecode
        for name in set(sys.modules) - modules:
            if name.startswith("test_") or name == "conftest":
                del sys.modules[name]
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise CheckTimeout

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _result(item: pytest.Item, failures: list[BaseException], seconds: float) -> CheckResult:
    points = item.get_closest_marker("points")
    worth = points.args[0] if points and points.args else None
    if type(worth) is not int or worth < 0:
        raise GraderFault(f"{item.nodeid} does not say what it is worth: @pytest.mark.points(N).")
    title = _title(item)
    texts = told(failures[0], title) if failures else {}
    return CheckResult(
        id=item.name,
        title=title,
        points=worth,
        earned=0 if failures else worth,
        held=item.get_closest_marker("held") is not None,
        given=item.get_closest_marker("given") is not None,
        outcome="failed" if failures else "passed",
        seconds=round(seconds, 3),
        **texts,
    )


def _title(item: pytest.Item) -> str:
    document = getattr(getattr(item, "function", None), "__doc__", None) or ""
    first = document.strip().splitlines()[0].strip() if document.strip() else ""
    return first or item.name.removeprefix("test_").replace("_", " ")


def _refuse_twins(results: list[CheckResult]) -> None:
    names = [result.id for result in results]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise GraderFault(f"Two checks share the name {twins[0]}.")


def _last_line(longrepr: Any) -> str:
    lines = str(longrepr).strip().splitlines()
    return lines[-1][:300] if lines else "no reason given"
