"""What a mapping template can refer to: ``$input``, ``$util`` and the methods of texts, lists and maps.

Source: API Gateway Developer Guide, "Mapping template and access logging variable reference", read 2026-11.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from lambda_sandbox.front_doors.template_syntax import TemplateFault

_PATH_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
Method = Callable[..., Any]


class Input:
    """``$input``: the body, and the parameters as ``path``, ``querystring`` and ``header``."""

    def __init__(self, body: str, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self._body = body
        self._parameters = parameters
        self.methods: dict[str, Method] = {"json": self._json, "path": self._path, "params": self._params}
        self.properties: dict[str, Any] = {"body": body}

    def _value(self) -> Any:
        try:
            return json.loads(self._body) if self._body else {}
        except ValueError:
            return self._body

    def _json(self, path: str) -> str:
        return json.dumps(json_path(self._value(), path), separators=(",", ":"), ensure_ascii=False)

    def _path(self, path: str) -> Any:
        return json_path(self._value(), path)

    def _params(self, name: str | None = None) -> Any:
        """Without a name, all; with one, the value of the path, then of the query, then of the headers."""
        if name is None:
            return {kind: dict(values) for kind, values in self._parameters.items()}
        if name in ("path", "querystring", "header"):
            return dict(self._parameters[name])
        for kind in ("path", "querystring", "header"):
            values = self._parameters[kind]
            if name in values:
                return values[name]
            spelled = next((each for each in values if each.lower() == name.lower()), None)
            if kind == "header" and spelled is not None:
                return values[spelled]
        return ""


class Util:
    """``$util``: escaping and encoding."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.methods: dict[str, Method] = {
            "escapeJavaScript": _escape_javascript,
            "parseJson": json.loads,
            "urlEncode": lambda text: quote_plus(str(text)),
            "urlDecode": lambda text: unquote_plus(str(text)),
            "base64Encode": lambda text: base64.b64encode(str(text).encode()).decode(),
            "base64Decode": lambda text: base64.b64decode(str(text)).decode("utf-8", "replace"),
        }


def json_path(value: Any, path: str) -> Any:
    """Return what a JSON path of names and indexes leads to, ``None`` for nothing. Raises ``TemplateFault`` for other paths."""
    if not path.startswith("$"):
        raise TemplateFault(f"the JSON path {path!r} does not begin with $")
    at = 1
    while at < len(path):
        step = _PATH_STEP.match(path, at)
        if step is None:
            raise TemplateFault(f"the JSON path {path!r} has a step that is not emulated: {path[at:]!r}")
        at = step.end()
        if step[2] is not None:
            place = int(step[2])
            value = value[place] if isinstance(value, list) and place < len(value) else None
        else:
            name = step[1] or step[3] or step[4] or ""
            value = value.get(name) if isinstance(value, dict) else None
    return value


def method(value: Any, name: str) -> Method:
    """Return a method of a value. Raises ``TemplateFault`` for one that is not emulated."""
    known: Mapping[str, Method] = {}
    if isinstance(value, Input | Util):
        known = value.methods
    elif isinstance(value, str):
        known = _of_text(value)
    elif isinstance(value, list):
        known = _of_list(value)
    elif isinstance(value, dict):
        known = _of_map(value)
    found = known.get(name) or _of_any(value).get(name)
    if found is None:
        raise TemplateFault(f"the method {name}() is not emulated")
    return found


def shown(value: Any) -> str:
    """Return a value as Java prints it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={shown(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def _of_any(value: Any) -> dict[str, Method]:
    return {"toString": lambda: shown(value), "equals": lambda other: value == other}


def _of_text(text: str) -> dict[str, Method]:
    return {
        "length": lambda: len(text),
        "isEmpty": lambda: not text,
        "contains": lambda part: part in text,
        "startsWith": text.startswith,
        "endsWith": text.endswith,
        "indexOf": text.find,
        "equalsIgnoreCase": lambda other: text.lower() == str(other).lower(),
        "toLowerCase": text.lower,
        "toUpperCase": text.upper,
        "trim": text.strip,
        "substring": lambda start, end=None: text[start:end],
        "replace": text.replace,
        "replaceAll": lambda pattern, by: re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", by), text),
        "split": lambda pattern: re.split(pattern, text),
        "matches": lambda pattern: re.fullmatch(pattern, text) is not None,
    }


def _of_list(items: list[Any]) -> dict[str, Method]:
    return {
        "size": lambda: len(items),
        "isEmpty": lambda: not items,
        "get": lambda place: items[place] if 0 <= place < len(items) else None,
        "contains": lambda item: item in items,
        "add": lambda item: items.insert(len(items), item),
    }


def _of_map(values: dict[Any, Any]) -> dict[str, Method]:
    return {
        "size": lambda: len(values),
        "isEmpty": lambda: not values,
        "get": values.get,
        "containsKey": lambda name: name in values,
        "keySet": lambda: list(values),
        "values": lambda: list(values.values()),
        "entrySet": lambda: [{"key": name, "value": each} for name, each in values.items()],
        "put": lambda name, value: values.update({name: value}),
    }


def _escape_javascript(text: Any) -> str:
    escaped = json.dumps(str(text), ensure_ascii=False)[1:-1]
    return escaped.replace("'", "\\'").replace("/", "\\/")
