"""What the commands print for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.discover import Lab
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


def print_result(console: Console, lab: Lab, result: Result) -> None:
    """Print the learner's table: every public check, and of the held ones only how many there are."""
    if result.status != GRADED:
        console.print(Text(f"Not checked: {result.fault}", style="bold red"))
        return
    table = Table(title=Text(lab.title), show_lines=True)
    table.add_column("check", ratio=2)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("what it saw", ratio=5, overflow="fold")
    for check in result.checks:
        if not check.held:
            table.add_row(*_row(lab, check))
    console.print(table)
    public, most = result.part(held=False)
    held = [check for check in result.checks if check.held]
    console.print(
        f"{public} of {most} points. {len(held)} held checks are {_WITHHELD} until the lab is graded."
    )
    for note in (*result.warnings, *result.cell_errors):
        console.print(Text(f"note: {_visible(note)}", style="yellow"))
    if result.isolation:
        missing = (
            f" (not enforced: {', '.join(result.isolation.missing)})" if result.isolation.missing else ""
        )
        console.print(Text(f"isolation: {result.isolation.level}{missing}", style="dim"))


def _row(lab: Lab, check: CheckResult) -> tuple[Text, str, Text]:
    passed = check.outcome == "passed"
    name = Text(f"{'✓' if passed else '✗'} {check.title}", style="green" if passed else "red")
    lines = [f"{label}: {text}" for label, text in told(check)]
    if not passed:
        lines.append(hint_command(lab, check))
    return name, f"{check.earned}/{check.points}", Text(_visible("\n".join(lines)))


def told(check: CheckResult) -> list[tuple[str, str]]:
    """Return the labelled texts of a failed check in reading order."""
    pairs = [
        ("wanted", check.wanted),
        ("got", check.got),
        ("look at", check.look_at),
        ("reason", check.reason),
    ]
    return [(label, text) for label, text in pairs if text]


def hint_command(lab: Lab, check: CheckResult) -> str:
    """Return the command that opens the first hint for a check."""
    return f"labs hint {lab.number} {check.id.split('[')[0]}"


def _visible(text: str) -> str:
    """Show control characters instead of obeying them: the text may come from a submission."""
    return "".join(char if char == "\n" or char.isprintable() else repr(char)[1:-1] for char in text)


def print_batch_line(console: Console, result: Result, done: int, total: int) -> None:
    graded = result.status == GRADED
    text = f"{result.score}/{result.max_score}" if graded else f"not graded: {result.fault}"
    line = f"[{done}/{total}] {result.lab} {_visible(result.submission)}: {_visible(text)} ({result.seconds:.1f} s)"
    console.print(Text(line), soft_wrap=True)
