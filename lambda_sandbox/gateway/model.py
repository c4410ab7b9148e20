"""The Lambda API as botocore describes it: operations, shapes and the routes that lead to them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from lambda_sandbox.gateway import service_models

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``input`` and ``output`` name shapes; ``query`` holds the pairs that its address must carry."""

    name: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    status: int
    input: str | None
    output: str | None


@dataclass(slots=True)
class _Node:
    """A step of the path: literal steps first, then a label, then a label that takes the rest."""

    literals: dict[str, _Node] = field(default_factory=dict)
    label: tuple[str, _Node] | None = None
    greedy: tuple[str, _Node] | None = None
    operations: dict[str, list[Operation]] = field(default_factory=dict)


class LambdaModel:
    """The service model. Shapes stay botocore's dictionaries; routes are a tree made from ``requestUri``."""

    def __init__(self, service: Mapping[str, Any]) -> None:
        self.shapes: Mapping[str, Shape] = service["shapes"]
        self.operations = {name: _operation(name, text) for name, text in service["operations"].items()}
        self._root = _Node()
        for operation in self.operations.values():
            self._add_route(operation)

    @classmethod
    @functools.cache
    def load(cls) -> LambdaModel:
        """Read the newest ``lambda`` model that the installed botocore has; about 30 ms, once a process."""
        return cls(service_models.read("lambda"))

    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the operation's name and its decoded path labels, or ``None`` for an unknown path or method.

        ``path`` is as received, still percent-encoded: an encoded slash belongs to its label. It may carry a query
        string, which tells apart the operations that share a path. One trailing slash is ignored, since older SDKs
        send it.
        """
        path, _, query = path.partition("?")
        steps = path.removeprefix("/").removesuffix("/").split("/")
        found = _walk(self._root, steps, method)
        if found is None:
            return None
        operations, labels = found
        operation = _by_query(operations, query)
        if operation is None:
            return None
        return operation.name, {name: unquote(value) for name, value in labels.items()}

    def members(self, shape_name: str | None) -> Mapping[str, Shape]:
        """Return the members of a structure; empty for ``None``."""
        if shape_name is None:
            return {}
        members: Mapping[str, Shape] = self.shapes[shape_name].get("members", {})
        return members

    def _add_route(self, operation: Operation) -> None:
        node = self._root
        for step in operation.path.removeprefix("/").removesuffix("/").split("/"):
            node = _child(node, step)
        node.operations.setdefault(operation.method, []).append(operation)
        node.operations[operation.method].sort(key=lambda each: -len(each.query))


def _operation(name: str, text: Mapping[str, Any]) -> Operation:
    http = text["http"]
    path, _, query = http["requestUri"].partition("?")
    return Operation(
        name=name,
        method=http["method"],
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        status=http.get("responseCode", 200),
        input=text["input"]["shape"] if "input" in text else None,
        output=text["output"]["shape"] if "output" in text else None,
    )


def _child(node: _Node, step: str) -> _Node:
    if not step.startswith("{"):
        return node.literals.setdefault(step, _Node())
    name = step[1:-1]
    if name.endswith("+"):
        node.greedy = node.greedy or (name[:-1], _Node())
        return node.greedy[1]
    node.label = node.label or (name, _Node())
    if node.label[0] != name:
        raise ValueError(f"two labels at one place: {node.label[0]} and {name}")
    return node.label[1]


def _walk(node: _Node, steps: list[str], method: str) -> tuple[list[Operation], dict[str, str]] | None:
    if not steps:
        operations = node.operations.get(method)
        return (operations, {}) if operations else None
    step, rest = steps[0], steps[1:]
    literal = node.literals.get(step)
    if literal is not None and (found := _walk(literal, rest, method)):
        return found
    if node.label is not None and step and (found := _walk(node.label[1], rest, method)):
        return found[0], {node.label[0]: step, **found[1]}
    return _walk_greedy(node, steps, method)


def _walk_greedy(node: _Node, steps: list[str], method: str) -> tuple[list[Operation], dict[str, str]] | None:
    """Give the greedy label as many steps as leave a match for what follows it; all of them come last."""
    if node.greedy is None:
        return None
    name, following = node.greedy
    for taken in (*range(len(steps) - 1, 0, -1), len(steps)):
        value = "/".join(steps[:taken])
        if value and (found := _walk(following, steps[taken:], method)):
            return found[0], {name: value, **found[1]}
    return None


def _by_query(operations: list[Operation], query: str) -> Operation | None:
    if len(operations) == 1 and not operations[0].query:
        return operations[0]
    sent = set(parse_qsl(query, keep_blank_values=True))
    return next((each for each in operations if sent.issuperset(each.query)), None)
