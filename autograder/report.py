"""Writes what people and other programs read: ``result.json``, and the HTML report of one submission."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from autograder.catalogue import function_of
from autograder.result import Result
from autograder.text import visible

_HERE = Path(__file__).resolve().parent


def result_schema() -> dict[str, Any]:
    """Return the published JSON schema of ``result.json``."""
    schema: dict[str, Any] = json.loads((_HERE / "schema" / "result.schema.json").read_text("utf-8"))
    return schema


def write_result(result: Result, folder: Path, whys: Mapping[str, str] | None = None) -> Path:
    """Write ``result.json`` and ``report.html`` into ``folder`` and return the first's path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "result.json"
    write_atomically(target, json.dumps(result.to_json(), indent=2, allow_nan=False) + "\n")
    write_atomically(folder / "report.html", html_report(result, whys))
    return target


def write_atomically(target: Path, text: str) -> None:
    """Replace ``target`` by ``text`` so that a reader sees the old file or the new one, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def html_report(result: Result, whys: Mapping[str, str] | None = None) -> str:
    """Return the report for the student: one file, everything escaped, nothing loaded from anywhere.

    Held checks are counted and never described. ``whys`` is check function to its why, shown where it passed.
    """
    public = [check for check in result.checks if not check.held]
    held = [check for check in result.checks if check.held]
    return render(
        "report.html.j2",
        result=result,
        public=public,
        held=held,
        held_part=result.part(held=True),
        graded=result.status == "graded",
        whys={check.id: (whys or {}).get(function_of(check.id), "") for check in public},
    )


def render(template: str, **values: object) -> str:
    """Return a template of ``templates/`` with ``values`` in it, escaped."""
    return _environment().get_template(template).render(**values)


def render_text(template: str, **values: object) -> str:
    """Return a template that is no HTML: nothing in it is escaped, so give it only the course's own values."""
    return _environment(escape=False).get_template(template).render(**values)


def _visible(value: object) -> object:
    return visible(value) if type(value) is str else value


@functools.cache
def _environment(*, escape: bool = True) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(_HERE / "templates")
    return jinja2.Environment(
        loader=loader,
        autoescape=escape,  # noqa: S701 - only the text of packages is no HTML
        undefined=jinja2.StrictUndefined,
        # A name, too, may turn the direction of its row, or speak to the terminal in which the page is shown.
        finalize=_visible if escape else None,
        trim_blocks=True,
        keep_trailing_newline=not escape,
    )
