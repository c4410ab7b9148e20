"""The quotas: AWS's limits from the facts, each beside what the sandbox enforces, which is read from its code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.loaders import Loader

from docs_hooks import facts
from lambda_sandbox import quotas as limits

# Facts with a ``name`` are quotas; beside quotas.yaml, a few stand with the topic that they belong to.
_UNITS = {"regex": "", "chars": "characters", "fds": "file descriptors"}
_FILES = ("quotas", "execution", "async")


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit. ``constants`` name members of ``lambda_sandbox.quotas``, ``shapes`` shapes of the service model."""

    fact: facts.Fact
    name: str
    value: Any
    labels: tuple[str, ...]
    unit: str
    since: str
    constants: tuple[str, ...]
    shapes: tuple[str, ...]
    note: str


def load(folder: Path) -> tuple[Quota, ...]:
    """Return the quotas in the order of their files. Raises ``KeyError`` where the sandbox's part is not stated."""
    known = facts.load(folder)
    rows = [row for stem in _FILES for row in yaml.safe_load((folder / f"{stem}.yaml").read_text("utf-8"))]
    return tuple(_quota(row, known[row["id"]]) for row in rows if "name" in row)


def _quota(row: dict[str, Any], fact: facts.Fact) -> Quota:
    sandbox = row["sandbox"]
    return Quota(
        fact,
        row["name"],
        row["value"],
        tuple(row.get("labels", ())),
        row["unit"] or "",
        str(row["since"] or ""),
        tuple(sandbox.get("quotas", ())),
        tuple(sandbox.get("model", ())),
        sandbox.get("note", ""),
    )


def page(quotas: tuple[Quota, ...]) -> str:
    """Return ``reference/quotas.md``."""
    return (
        "---\ntitle: Quotas\nhide: [toc]\ntags: [limits, tmp]\n---\n# Quotas\n\nAWS's limits, with the day on which they were read, and what the sandbox does "
        "about each. Made from the course's facts and from the sandbox's own constants and checks when the site is built. "
        "*Since* says when the limit became what it is, where we found a date. A quota that can be raised is raised by AWS, "
        "on request: look into the Service Quotas console of your account before you plan with a number.\n\n"
        '<div class="made quotas" markdown>\n\n| Quota | AWS | Sandbox |\n|---|---|---|\n'
        + "\n".join(_row(quota) for quota in quotas)
        + "\n\n</div>\n"
    )


def _row(quota: Quota) -> str:
    value = aws(quota)
    told = [facts.cell(quota.fact.statement)]
    if quota.since:
        told.append(f"Since: {facts.cell(quota.since)}.")
    told.append(f"Read in {facts.links(quota.fact.sources)}, {quota.fact.checked}.")
    cells = (
        f'<span id="{quota.fact.id}">{facts.cell(quota.name)}</span>',
        f"{f'**{value}** <br>' if value else ''}<small>{' '.join(told)}</small>",
        sandbox(quota),
    )
    return f"| {' | '.join(cells)} |"


def aws(quota: Quota) -> str:
    """Return the limit itself: ``least: 128, most: 10,240 MB``; empty where only the fact's sentence can say it."""
    value = quota.value
    if value is None or isinstance(value, dict):
        return ""
    if quota.labels:
        pairs = zip(value, quota.labels, strict=True)
        text = ", ".join(f"{label}: {_shown(each)}" for each, label in pairs)
        return text if "," in quota.unit else f"{text} {quota.unit}"
    unit = _UNITS.get(quota.unit, quota.unit)
    return f"{_shown(value)} {unit}".strip()


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        # Two numbers are a range; the rest is a list of names.
        joint = " to " if all(isinstance(each, int | float) for each in value) else ", "
        return joint.join(_shown(each) for each in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"`{value}`" if "[" in str(value) else facts.cell(str(value))


def sandbox(quota: Quota) -> str:
    """Return what the sandbox holds its callers to; ``not enforced`` and the like are said in the note."""
    shapes = [(f"{name}: " if len(quota.shapes) > 1 else "") + _of_shape(name) for name in quota.shapes]
    text = ", ".join(dict.fromkeys([_of_constant(name) for name in quota.constants] + shapes))
    return f"{text} ({quota.note})" if text and quota.note else text or quota.note


def _of_constant(name: str) -> str:
    text = _shown(getattr(limits, name))
    for part, unit in (
        ("_BYTES", "bytes"),
        ("_MB", "MB"),
        ("_MS", "ms"),
        ("_S_", "s"),
        ("_CHARS", "characters"),
    ):
        if part in f"{name}_" and not name.startswith("REQUESTS"):
            return f"{text} {unit}"
    return text


def _of_shape(name: str) -> str:
    """The constraints that the request is checked against; they are botocore's."""
    shape = Loader().load_service_model("lambda", "service-2")["shapes"][name]
    unit = {"string": " characters", "list": " in the list"}.get(shape["type"], "")
    parts = []
    if "max" in shape:
        exact = shape.get("min") == shape["max"]
        parts.append(f"{'exactly' if exact else 'up to'} {shape['max']:,}{unit}")
    if "pattern" in shape:
        parts.append(f"`{shape['pattern']}`")
    return " ".join(parts)
