"""Pages and parts of pages that are made from the code, so that they cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs_hooks import (
    exams,
    facts,
    fidelity,
    lab_list,
    misconceptions,
    runtime_table,
    state_diagram,
    timeline_picture,
    topic_table,
)

if TYPE_CHECKING:
    from lambda_sandbox.parity import Operation

REPOSITORY = Path(__file__).resolve().parent.parent
_MARKER = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.M)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, "reference/api-parity.md", content=_parity_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the page's markers in, put its minutes on top and its facts at the foot."""
    markdown = _MARKER.sub(lambda match: PARTS[match[1]](page), markdown)
    minutes = page.meta.get("minutes")
    if minutes:
        markdown = re.sub(r"^(# .+)$", rf"\1\n\n{_opening(page)}", markdown, count=1, flags=re.M)
    if page.meta.get("facts"):
        known = facts.load(REPOSITORY / "docs" / "facts")
        markdown += "\n\n" + facts.table([known[name] for name in page.meta["facts"]]) + "\n"
    return markdown


def _opening(page: Page) -> str:
    text = f"About {page.meta['minutes']} minutes"
    if page.meta.get("needs"):
        text += f" · You need: {page.meta['needs']}"
    if page.meta.get("level"):
        text += f" · Written for: {page.meta['level']}"
    return f"<p class='opening'>{text}</p>"


def _parity_page() -> str:
    from lambda_sandbox import parity

    rows = parity.operations()
    counted, sections = parity.markdown(rows).split("\n", 1)
    less = [line for row in rows if (line := _less(row))]
    return (
        "---\ntitle: API parity\n---\n# API parity\n\nEvery operation of the Lambda API that boto3 knows and every member of "
        "its request: *works* does what it does on AWS, *stored only* is kept and shown and changes nothing here, *in part* "
        "says which part works, and *refused* answers with an error that names it. Nothing is accepted and ignored. Made from "
        "the code and its tests when the site is built; `lambda-sandbox parity` prints the same.\n\n"
        f"{counted} What does less than on AWS:\n\n{chr(10).join(less)}\n\n"
        f'<div class="parity" markdown>\n{sections}\n</div>\n'
    )


def _less(row: Operation) -> str:
    """Return the operation with what of its request does not simply work; nothing where all of it does."""
    members = {
        status: ", ".join(f"`{each.path}`" for each in row.members if each.status == status)
        for status in ("in part", "stored only", "refused")
    }
    told = "; ".join(f"*{status}* {names}" for status, names in members.items() if names)
    return f"- [{row.name}](#{row.name.lower()}): {told}" if told else ""


def _fidelity(_: Page) -> str:
    return fidelity.markdown(fidelity.collect(REPOSITORY))


def _decisions(_: Page) -> str:
    """List the notes; a new one needs no entry elsewhere."""
    notes = sorted((REPOSITORY / "docs" / "contribute" / "decisions").glob("[0-9]*.md"))
    titles = [re.search(r"^# (.+)$", note.read_text(encoding="utf-8"), re.M) for note in notes]
    return "\n".join(
        f"- [{title[1] if title else note.stem}]({note.name})"
        for note, title in zip(notes, titles, strict=True)
    )


def _isolation(_: Page) -> str:
    from lambda_sandbox.environments import isolation

    return "\n".join(
        [
            "| Promise | Kept by |",
            "|---|---|",
            *(f"| {text} | {by} |" for text, by in isolation.KEPT_BY.items()),
        ]
    )


def _states(_: Page) -> str:
    return f'<figure class="wide">\n{state_diagram.svg()}\n</figure>'


def _labs(_: Page) -> str:
    return lab_list.markdown(lab_list.load(REPOSITORY), exams.DOCS)


def _cheat_sheet(page: Page) -> str:
    return exams.cheat_sheet(page.meta["sheet"])


def _exam_facts(page: Page) -> str:
    return exams.facts_table(exams.of_page(Path(page.file.src_uri).stem))


def _exam_tasks(page: Page) -> str:
    return exams.tasks_table(exams.of_page(Path(page.file.src_uri).stem))


def _sandbox_commands(_: Page) -> str:
    from lambda_sandbox.cli.commands import cli

    return _commands("lambda-sandbox", cli)


def _labs_commands(_: Page) -> str:
    from autograder.__main__ import main

    return _commands("labs", main)


def _commands(name: str, group: click.Command) -> str:
    """Return every command's own ``--help`` text as Markdown."""
    parts = [_help(name, group)]
    if isinstance(group, click.Group):
        for sub, command in sorted(group.commands.items()):
            parts.append(f"### {name} {sub}\n\n{_help(f'{name} {sub}', command)}")
    return "\n\n".join(parts)


def _help(name: str, command: click.Command) -> str:
    with click.Context(command, info_name=name, max_content_width=88) as context:
        return f"```text\n{command.get_help(context)}\n```"


def _runtimes(_: Page) -> str:
    return runtime_table.markdown(runtime_table.load(exams.DOCS / "facts" / "runtimes.yaml"))


def _topics(_: Page) -> str:
    return topic_table.markdown(topic_table.load(exams.DOCS / "topics.yaml"), REPOSITORY, "../")


def _misconceptions(_: Page) -> str:
    return misconceptions.markdown(misconceptions.load(exams.DOCS))


def _timeline(_: Page) -> str:
    return f'<figure class="wide timeline">\n{timeline_picture.svg()}\n</figure>'


PARTS: dict[str, Callable[[Page], str]] = {
    "cheat-sheet": _cheat_sheet,
    "decisions": _decisions,
    "environment-states": _states,
    "exam-facts": _exam_facts,
    "exam-tasks": _exam_tasks,
    "fidelity": _fidelity,
    "isolation": _isolation,
    "labs": _labs,
    "misconceptions": _misconceptions,
    "runtimes": _runtimes,
    "sandbox-commands": _sandbox_commands,
    "labs-commands": _labs_commands,
    "timeline": _timeline,
    "topics": _topics,
}
