"""JSON as AWS's Python runtime writes it, from the standard library alone.

AWS's runtime uses simplejson: named tuples become objects, bytes inside become text, ``Decimal`` a bare number. From Python
3.12 on, text is not escaped to ASCII.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from json.encoder import c_make_encoder, encode_basestring, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any

_ENSURE_ASCII_RUNTIMES = frozenset(f"AWS_Lambda_python3.{minor}" for minor in range(6, 12))
_SCALARS = frozenset((str, int, float, bool, type(None)))


class Encoder(json.JSONEncoder):
    """Raises ``TypeError``, ``ValueError`` or ``UnicodeDecodeError`` with the texts of simplejson."""

    def __init__(self) -> None:
        super().__init__(ensure_ascii=os.environ.get("AWS_EXECUTION_ENV", "") in _ENSURE_ASCII_RUNTIMES)
        self._mark = ""
        self._chunks = self._made()

    def _made(self) -> Callable[[Any, int], Iterable[str]]:
        """Return what the standard library makes anew for every value; one lasts until a value could not be written."""
        if c_make_encoder is None:
            return lambda value, depth: self.iterencode(value)
        text = encode_basestring_ascii if self.ensure_ascii else encode_basestring
        made: Callable[[Any, int], Iterable[str]] = c_make_encoder(
            {}, self.default, text, None, self.key_separator, self.item_separator, False, False, True
        )
        return made

    def default(self, o: Any) -> Any:
        if isinstance(o, bytes):
            return o.decode()
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(o, decimal.Decimal):
            if o.is_nan():
                return math.nan
            self._mark = self._mark or os.urandom(8).hex()
            return f"{self._mark}{o}"
        as_dict = getattr(o, "_asdict", None)
        return as_dict() if callable(as_dict) else super().default(o)

    def encode(self, o: Any) -> str:
        try:
            text = "".join(self._chunks(plain(o) if needs_work(o) else o, 0))
        except BaseException:
            self._chunks = self._made()  # this one keeps what it was inside of
            raise
        if self._mark:
            text = re.sub(f'"{self._mark}([^"]*)"', r"\1", text)
            self._mark = ""
        return text


def needs_work(value: Any, depth: int = 0) -> bool:
    """True when ``value`` holds what the standard library's encoder would write otherwise."""
    kind = type(value)
    if kind in _SCALARS or depth > 900:  # as deep as that the encoder itself gives up
        return False
    if isinstance(value, dict):
        for key, member in value.items():
            if type(key) is bytes or (type(member) not in _SCALARS and needs_work(member, depth + 1)):
                return True
        return False
    if isinstance(value, list | tuple):
        if kind is not tuple and kind is not list and callable(getattr(value, "_asdict", None)):
            return True
        for member in value:
            if type(member) not in _SCALARS and needs_work(member, depth + 1):
                return True
    return False


def plain(value: Any) -> Any:
    """Return ``value`` with named tuples as dictionaries and keys of bytes as text."""
    as_dict = getattr(value, "_asdict", None) if isinstance(value, tuple | list) else None
    if callable(as_dict):
        value = as_dict()
    if isinstance(value, dict):
        return {key.decode() if type(key) is bytes else key: plain(member) for key, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list | tuple) else value
