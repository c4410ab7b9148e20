"""What the commands print for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.catalogue import function_of, read_checks
from autograder.discover import Lab
from autograder.hints import read_hints
from autograder.progress import PASSED, Progress, public_checks
from autograder.result import GRADED, Result
from autograder.score import CheckResult

_WITHHELD = "withheld"


def print_labs(console: Console, labs: list[Lab]) -> None:
    table = Table(title="Labs")
    for heading in ("lab", "title", "minutes", "after"):
        table.add_column(heading, justify="right" if heading == "minutes" else "left")
    for lab in labs:
        table.add_row(escape(lab.slug), escape(lab.title), str(lab.minutes), escape(", ".join(lab.after)))
    console.print(table)


def print_result(console: Console, lab: Lab, result: Result, whys: Mapping[str, str]) -> None:
    """Print the learner's table: every public check, and of the held ones only how many there are.

    ``whys`` is check function to its why, which a check that passed shows.
    """
    if result.status != GRADED:
        console.print(Text(f"Not checked: {result.fault}", style="bold red"))
        return
    table = Table(title=Text(lab.title), show_lines=True)
    table.add_column("check", ratio=2)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("what it saw", ratio=5, overflow="fold")
    numbers = {name: number for number, name in enumerate(read_hints(lab.hints), 1)}
    for check in result.checks:
        if not check.held:
            # In so narrow a cell a check's name is broken in two, and cannot be copied.
            table.add_row(*_row(check, whys, hint_command(lab, check.id, numbers)))
    console.print(table)
    public, most = result.part(held=False)
    held = [check for check in result.checks if check.held]
    console.print(
        f"{public} of {most} points. {len(held)} held checks are {_WITHHELD} until the lab is graded."
    )
    for note in (*result.warnings, *result.cell_errors):
        console.print(Text(f"note: {visible(note)}", style="yellow"))
    if result.isolation:
        missing = (
            f" (not enforced: {', '.join(result.isolation.missing)})" if result.isolation.missing else ""
        )
        console.print(Text(f"isolation: {result.isolation.level}{missing}", style="dim"))


def _row(check: CheckResult, whys: Mapping[str, str], hint: str) -> tuple[Text, str, Text]:
    passed = check.outcome == PASSED
    name = Text(f"{'✓' if passed else '✗'} {check.title}", style="green" if passed else "red")
    lines = [f"{label}: {text}" for label, text in told(check, whys)]
    if not passed:
        lines.append(hint)
    return name, f"{check.earned}/{check.points}", Text(visible("\n".join(lines)))


def whys_of(lab: Lab) -> dict[str, str]:
    """Return check function to its why."""
    return {name: check.why for name, check in read_checks(lab.checks).items()}


def told(check: CheckResult, whys: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the labelled texts of a check in reading order: what was missed, or why it is as it is."""
    if check.outcome == PASSED:
        why = whys.get(function_of(check.id), "")
        return [("why", why)] if why else []
    return check.missed


def hint_command(lab: Lab, check_id: str, numbers: Mapping[str, int] | None = None) -> str:
    """Return the command that opens the next hint for a check; short where the check's number is among ``numbers``."""
    name = function_of(check_id)
    return f"labs hint {lab.number} {(numbers or {}).get(name, name)}"


def print_step(console: Console, lab: Lab, result: Result, new: list[str], whys: Mapping[str, str]) -> None:
    """Print what ``labs watch`` says after a save: what has just passed and its why, then one next step."""
    if result.status != GRADED:
        console.print(Text(f"Not checked: {visible(result.fault)}", style="bold red"), soft_wrap=True)
        return
    public = [check for check in result.checks if not check.held]
    for check in public:
        if check.id in new:
            console.print(Text(f"✓ {check.title}", style="green"), soft_wrap=True)
            for label, text in told(check, whys):
                console.print(Text(f"    {label}: {text}", style="dim"), soft_wrap=True)
    missed = [check for check in public if check.outcome != PASSED]
    done = f"{len(public) - len(missed)} of {len(public)} checks pass."
    if not missed:
        console.print(Text(f"{done} The lab is done: labs next", style="bold green"), soft_wrap=True)
        return
    first = missed[0]
    console.print(Text(f"{done} Next: ", style="bold").append(first.title, style="bold red"), soft_wrap=True)
    for label, text in told(first, whys):
        console.print(
            Text(f"    {label}: ", style="cyan").append(visible(text), style="default"), soft_wrap=True
        )
    console.print(Text(f"    {hint_command(lab, first.id)}", style="dim"), soft_wrap=True)
    for note in (*result.warnings, *result.cell_errors)[:1]:
        console.print(Text(f"    note: {visible(note)}", style="yellow"), soft_wrap=True)


def print_progress(console: Console, labs: list[Lab], progress: Progress) -> None:
    """Print the learner's way through the labs: checks that pass, hints opened, and what is finished."""
    table = Table(title="Progress")
    table.add_column("lab")
    for heading in ("checks", "hints opened"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for lab in labs:
        most, left = len(public_checks(lab)), len(progress.open_checks(lab))
        mine = progress.of(lab)
        state = "finished" if most and not left else ("begun" if mine.checks else "")
        style = {"finished": "green", "begun": "yellow"}.get(state, "dim")
        hints = str(sum(mine.hints.values()) or "")
        table.add_row(Text(lab.slug), f"{most - left} of {most}", hints, Text(state, style=style))
    console.print(table)


def visible(text: str) -> str:
    """Show control characters instead of obeying them: the text may come from a submission."""
    return "".join(char if char == "\n" or char.isprintable() else repr(char)[1:-1] for char in text)


def visible_line(text: str) -> str:
    """The same for what is one line: the name of a file may hold the next, made up."""
    return visible(text).replace("\n", "\\n")


def print_batch_line(console: Console, result: Result, done: int, total: int) -> None:
    graded = result.status == GRADED
    text = f"{result.score}/{result.max_score}" if graded else f"not graded: {result.fault}"
    line = f"[{done}/{total}] {result.lab} {visible_line(result.submission)}: {visible_line(text)} ({result.seconds:.1f} s)"
    console.print(Text(line), soft_wrap=True)
