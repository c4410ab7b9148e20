"""Mapping templates of REST APIs: a template and a request (or an integration's answer) make a text."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lambda_sandbox.front_doors import template_nodes as tree
from lambda_sandbox.front_doors import template_syntax as syntax
from lambda_sandbox.front_doors.template_nodes import Foreach, If, Reference, Set, Text
from lambda_sandbox.front_doors.template_objects import Input, Util, method, shown
from lambda_sandbox.front_doors.template_syntax import TemplateFault

_STEPS_MAX = 1_000  # Source: API Gateway quotas, "iterations in a #foreach loop", read 2026-11
_GIVEN = frozenset({"input", "util", "context", "stageVariables"})
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def rendered(
    template: str,
    body: str,
    parameters: Mapping[str, Mapping[str, str]],
    context: Mapping[str, Any],
    stage_variables: Mapping[str, str],
) -> tuple[str, dict[str, Any]]:
    """Return the text that a template makes, and the context after it, which ``#set`` may have changed.

    Raises ``TemplateFault``.
    """
    writable = {**context, "requestOverride": {}, "responseOverride": {}}
    for name in ("requestOverride", "responseOverride"):
        writable[name] = {"header": {}, "path": {}, "querystring": {}}
    names: dict[str, Any] = {
        "input": Input(body, parameters),
        "util": Util(),
        "context": writable,
        "stageVariables": dict(stage_variables),
    }
    try:
        return _Rendering(names).text(_parsed(template)), writable
    except TemplateFault:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as reason:
        raise TemplateFault(f"the template cannot be rendered: {reason}") from None


@lru_cache(200)
def _parsed(template: str) -> tuple[Any, ...]:
    return tuple(syntax.parse(template))


class _Rendering:
    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def text(self, nodes: Any) -> str:
        return "".join(self._node(node) for node in nodes)

    def _node(self, node: Any) -> str:
        if isinstance(node, Text):
            return node.text
        if isinstance(node, Reference):
            return self._shown(node)
        if isinstance(node, Set):
            self._set(node.target, self._value(node.value))
            return ""
        if isinstance(node, If):
            for condition, body in node.branches:
                if _true(self._value(condition)):
                    return self.text(body)
            return ""
        return self._foreach(node)

    def _shown(self, reference: Reference) -> str:
        """A reference without a value shows itself; those of API Gateway's own objects show nothing."""
        value = self._look_up(reference)
        if value is None:
            return "" if reference.quiet or reference.name in _GIVEN else reference.source
        return shown(value)

    def _foreach(self, node: Foreach) -> str:
        items = self._value(node.items)
        items = list(items.values()) if isinstance(items, dict) else items
        if not isinstance(items, list):
            return ""
        if len(items) > _STEPS_MAX:
            raise TemplateFault(f"a #foreach has {len(items)} steps; API Gateway takes at most {_STEPS_MAX}")
        before = dict(self._names)
        made = []
        for place, item in enumerate(items):
            self._names[node.name] = item
            self._names["foreach"] = {"index": place, "count": place + 1, "hasNext": place + 1 < len(items)}
            self._names["velocityCount"] = place + 1
            made.append(self.text(node.body))
        for name in (node.name, "foreach", "velocityCount"):
            self._names.pop(name, None)
            if name in before:
                self._names[name] = before[name]
        return "".join(made)

    def _set(self, target: Reference, value: Any) -> None:
        if not target.steps:
            self._names[target.name] = value
            return
        *way, last = target.steps
        holder = self._follow(self._names.get(target.name), way)
        key = last.name if last.name else self._value((last.arguments or (None,))[0])
        if not isinstance(holder, dict):
            raise TemplateFault(f"{target.source} cannot be set: it is no part of a map")
        holder[key] = value

    def _look_up(self, reference: Reference) -> Any:
        return self._follow(self._names.get(reference.name), reference.steps)

    def _follow(self, value: Any, steps: Any) -> Any:
        for step in steps:
            if value is None:
                return None
            if not step.name:
                place = self._value(step.arguments[0])
                value = _item(value, place)
            elif step.arguments is not None:
                value = method(value, step.name)(*[self._value(each) for each in step.arguments])
            elif isinstance(value, Input | Util):
                value = value.properties.get(step.name)
            else:
                value = value.get(step.name) if isinstance(value, dict) else None
        return value

    def _value(self, node: Any) -> Any:
        if isinstance(node, tree.Literal):
            return node.value
        if isinstance(node, Reference):
            return self._look_up(node)
        if isinstance(node, tree.Quoted):
            return self.text(node.parts)
        if isinstance(node, tree.Mapping):
            return {self._value(key): self._value(value) for key, value in node.pairs}
        if isinstance(node, tree.Many):
            items = [self._value(each) for each in node.items]
            if not node.ranged:
                return items
            first, last = items
            return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))
        return self._operation(node)

    def _operation(self, node: tree.Operation) -> Any:
        left = self._value(node.left)
        if node.sign == "!":
            return not _true(left)
        if node.sign in ("&&", "||"):
            decided = _true(left) == (node.sign == "||")
            return _true(left) if decided else _true(self._value(node.right))
        right = self._value(node.right)
        if node.sign == "+":
            texts = isinstance(left, str) or isinstance(right, str)
            return shown(left) + shown(right) if texts else left + right
        if node.sign == "/":
            whole = isinstance(left, int) and isinstance(right, int)
            return int(left / right) if whole else left / right
        return _ARITHMETIC[node.sign](left, right)


def _item(value: Any, place: Any) -> Any:
    if isinstance(value, list):
        return value[place] if isinstance(place, int) and -1 < place < len(value) else None
    return value.get(place) if isinstance(value, dict) else None


def _true(value: Any) -> bool:
    """Velocity: only ``false`` and what is not there are not true; an empty text is."""
    return value is not None and value is not False
