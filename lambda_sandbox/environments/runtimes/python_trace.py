"""``_X_AMZN_TRACE_ID``, the one environment variable that changes with every event.

``os.environ`` sets it by ``setenv``, which in glibc keeps every value that there ever was, since somebody may still hold it: a
search among all of them and a quarter of a kilobyte more with each event. A string that ``putenv`` took stays its caller's, who
may write over it; programs that the function starts see what it says. Source: putenv(3), setenv(3).

Standard library only; it lies beside ``python_client`` inside an environment.
"""

from __future__ import annotations

import os
from typing import Any

_NAME = "_X_AMZN_TRACE_ID"
_KEY: Any = os.environ.encodekey(_NAME)
_PREFIX = os.fsencode(f"{_NAME}=")
_MOST_BYTES = 1024
_variables: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
_bytes: Any = os.environ.encodevalue


class TraceVariable:
    """Belongs to a process. Whatever the function itself makes of the variable lasts until its next event.

    ``ctypes`` is the module where it is loaded, as by the launcher; for this alone it would take too long. Without it, ``setenv``.
    """

    def __init__(self, ctypes: Any = None) -> None:
        self._ctypes = ctypes
        self._string = ctypes.create_string_buffer(_MOST_BYTES) if ctypes is not None else None
        self._value: Any = None  # what the interpreter has while C has our string

    def set(self, header: str | None) -> None:
        if not header:
            self._value = None
            os.environ.pop(_NAME, None)
            return
        value = _bytes(header)
        if self._value is None or _variables.get(_KEY) is not self._value or not self._write(value):
            os.environ[_NAME] = header
            if not self._write(value):
                self._value = None
                return
            self._ctypes.pythonapi.putenv(self._string)
        _variables[_KEY] = self._value = value

    def _write(self, value: bytes) -> bool:
        if self._string is None or len(_PREFIX) + len(value) >= _MOST_BYTES:
            return False
        self._string.value = _PREFIX + value
        return True
