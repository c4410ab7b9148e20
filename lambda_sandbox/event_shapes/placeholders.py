"""Placeholders in a sample: ``${key}`` in any text, ``${key|url}`` changed on the way, and documents packed into text.

``{"$json": …}`` becomes the JSON text of what it holds; ``{"$gzip": …}`` the same, packed with gzip and then in base64.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

_PLACEHOLDER = re.compile(r"\$\{([a-z-]+)(?:\|([a-z0-9]+))?\}")


def fill(template: Any, values: Mapping[str, str]) -> Any:
    """Return ``template`` with every placeholder replaced.

    Raises ``ValueError`` in one sentence for a value that cannot be changed so.
    """
    if isinstance(template, str):
        return _text(template, values)
    if isinstance(template, list):
        return [fill(each, values) for each in template]
    if not isinstance(template, dict):
        return template
    made = {_text(name, values): fill(each, values) for name, each in template.items()}
    if len(made) == 1 and next(iter(made)) in _PACKINGS:
        name, content = next(iter(made.items()))
        return _PACKINGS[name](json.dumps(content, separators=(",", ":")))
    return made


def _text(text: str, values: Mapping[str, str]) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole is not None:  # it may become a number or an object
        return _changed(whole, values)
    return _PLACEHOLDER.sub(lambda found: str(_changed(found, values)), text)


def _changed(found: re.Match[str], values: Mapping[str, str]) -> Any:
    name, change = found[1], found[2]
    value = values[name]
    return value if change is None else _CHANGES[change](name, value)


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"--{name} must be a whole number, and {value!r} is none") from None


def _parsed(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"--{name} must be JSON, and {value!r} is not") from None


def _gzip(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


_PACKINGS: dict[str, Callable[[str], str]] = {"$json": lambda text: text, "$gzip": _gzip}
_CHANGES: dict[str, Callable[[str, str], Any]] = {
    "base64": lambda _, value: base64.b64encode(value.encode()).decode(),
    "bytes": lambda _, value: len(value.encode()),
    "int": _integer,
    "json": _parsed,
    "md5": lambda _, value: hashlib.md5(value.encode(), usedforsecurity=False).hexdigest(),
    "url": lambda _, value: quote_plus(value, safe="/"),  # as S3 writes keys
}
