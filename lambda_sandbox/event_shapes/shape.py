"""One kind of event: what sends it, how, its sample and what its fields mean."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import yaml

from lambda_sandbox.event_shapes.meanings import Meanings
from lambda_sandbox.event_shapes.paths import leaves, type_of
from lambda_sandbox.event_shapes.placeholders import fill

# A mapping polls the source and invokes synchronously.
Mode = Literal["sync", "async", "mapping"]


@dataclass(frozen=True, slots=True)
class Option:
    """A placeholder of the sample: ``--bucket``, say. Values are text; the sample turns them into what it needs."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Field:
    """``path`` is like ``Records[].s3.bucket.name``; ``*`` stands for names that are not fixed, such as headers'."""

    path: str
    type: str
    meaning: str
    optional: bool


@dataclass(frozen=True, slots=True)
class EventShape:
    """``title`` says in a sentence when the event comes; ``service`` who sends it."""

    name: str
    title: str
    service: str
    mode: Mode
    options: tuple[Option, ...]
    template: Any
    meanings: Meanings

    @property
    def invocation_type(self) -> Literal["Event", "RequestResponse"]:
        """How the service invokes the function."""
        return "Event" if self.mode == "async" else "RequestResponse"

    def event(self, **values: str) -> Any:
        """Return the sample with its placeholders filled; underscores in names stand for hyphens.

        Raises ``ValueError`` in one sentence for an option that it does not have, or a value that cannot be used.
        """
        return self.filled({name.replace("_", "-"): value for name, value in values.items()})

    def filled(self, values: Mapping[str, str]) -> Any:
        """Do as ``event`` does, with the options' own names."""
        known = {option.name: option.default for option in self.options}
        strange = sorted(values.keys() - known.keys())
        if strange:
            has = ", ".join(f"--{name}" for name in known)
            raise ValueError(f"the event {self.name} has no option --{strange[0]}; it has {has}")
        return fill(self.template, known | dict(values))

    def fields(self) -> Iterator[Field]:
        """Yield every field of the sample in its order, each path once."""
        for path, value in leaves(self.filled({})).items():
            entry = self.meanings.of(path)
            yield Field(entry.path or path, type_of(value), entry.meaning, entry.optional)


def names() -> list[str]:
    """Return the name of every kind, sorted."""
    folder = resources.files(__package__)
    return sorted(each.name.removesuffix(".json") for each in folder.iterdir() if each.name.endswith(".json"))


@functools.cache
def load(name: str) -> EventShape:
    """Return one kind. Raises ``ValueError`` in one sentence for a name that there is none of."""
    if name not in names():
        raise ValueError(f"there is no event {name!r}; there are {', '.join(names())}")
    folder = resources.files(__package__)
    about = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    common = yaml.safe_load((folder / "common.yaml").read_text(encoding="utf-8"))
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    shared = {key: value for key, value in common["options"].items() if f"${{{key}}}" in text}
    return EventShape(
        name,
        about["title"],
        about["service"],
        about["mode"],
        tuple(Option(key, **value) for key, value in {**about["options"], **shared}.items()),
        json.loads(text),
        Meanings(about["fields"], common["fields"]),
    )
