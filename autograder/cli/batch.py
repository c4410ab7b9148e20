"""What ``labs grade`` and ``labs regrade`` share: the run itself, how far it is, and the class at its end."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from autograder.batch import Plan, Runner, carried_out
from autograder.belonging import answers_of, other_lab
from autograder.class_report import write_class_report
from autograder.cli import console as show
from autograder.cli.group import INTERRUPTED
from autograder.discover import Lab, labs_folder, read_labs
from autograder.gradebook import gradebook, read_results
from autograder.manifest import Manifest
from autograder.result import GRADED, Result

_WINDOW_S = 300.0  # of the speed that the time left is told from: submissions differ


def run_batch(console: Console, plan: Plan, manifest: Manifest, lab: Lab, out: Path, runner: Runner) -> int:
    """Carry a plan out, write the class's report, and return the exit code: 0 if everybody has a current result."""
    total = len(plan.jobs)
    faults: list[Result] = []
    levels: set[str] = set()
    whys = show.whys_of(lab)
    with _bar(console, total) as progress:
        for number, result in enumerate(carried_out(plan, manifest, out, runner, whys), start=1):
            faults += [result] if result.status != GRADED else []
            levels |= {result.isolation.level} if result.isolation else set()
            if progress is None or result.status != GRADED:
                show.print_batch_line(console, result, number, total)
            if progress is not None:
                progress.update(progress.task_ids[0], completed=number)
    _say_what_else(console, plan, manifest, lab, out)
    report = _class_report(manifest, lab, out)
    isolation = f" Isolation: {', '.join(sorted(levels))}." if levels else ""
    console.print(
        f"{total - len(faults)} graded, {len(plan.kept)} kept, {len(faults)} not graded.{isolation} Class: {report}",
        soft_wrap=True,
    )
    return 1 if faults or plan.gone else 0


@contextlib.contextmanager
def interruptible(again: str) -> Iterator[None]:
    """End Ctrl-C with one sentence that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"Stopped. What is graded is kept: {again}", err=True)
        raise SystemExit(INTERRUPTED) from None


@contextlib.contextmanager
def _bar(console: Console, total: int) -> Iterator[Progress | None]:
    """A bar with the time left on a terminal, ``None`` elsewhere: there each submission has a line."""
    if not console.is_terminal or not total:
        yield None
        return
    columns = (
        TextColumn("grading"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, speed_estimate_period=_WINDOW_S) as progress:
        progress.add_task("", total=total)
        yield progress


def _say_what_else(console: Console, plan: Plan, manifest: Manifest, lab: Lab, out: Path) -> None:
    notes = [note for submission, _ in manifest.submissions for note in submission.notes]
    notes += [
        f"{submission.name}: {submission.path} is gone or has changed, so nothing was run again and its result stays."
        for submission in plan.gone
    ]
    notes += [f"{other.said} (no notebook: it was not looked at)." for other in manifest.others]
    notes += _mixed_up(manifest, lab, out)
    left = [path for path in out.glob("*/result.json") if path.parent.name not in manifest.keys]
    if left:
        notes.append(f"{len(left)} results in {out} are of nobody who handed in now: they count for nothing.")
    for note in notes:
        console.print(Text(f"⚠ {show.visible_line(note)}", style="yellow"), soft_wrap=True)


def _mixed_up(manifest: Manifest, lab: Lab, out: Path) -> Iterator[str]:
    """Say of each notebook without full marks whether it is another lab's: its points say nothing of the student."""
    paths = {submission.key: submission.path for submission, _ in manifest.submissions}
    labs, remembered = read_labs(labs_folder()), functools.cache(answers_of)
    for result in read_results(out):
        if result.status == GRADED and result.score < result.max_score:
            other = other_lab(paths[result.key], lab, labs, remembered)
            if other is not None:
                yield (
                    f"{result.submission}: {paths[result.key]} is the notebook of lab {other.slug}, not of {lab.slug}; "
                    f"it was graded as {lab.slug} all the same."
                )


def _class_report(manifest: Manifest, lab: Lab, out: Path) -> Path:
    book = gradebook(list(read_results(out)), list(manifest.students), lab.title)
    notebooks = {submission.key: submission.path for submission, _ in manifest.submissions}
    return write_class_report(book, out, notebooks, lab.notebook, lab.solution, manifest.others)
