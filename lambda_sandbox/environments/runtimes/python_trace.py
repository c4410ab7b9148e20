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
_environment = os.environ
_variables: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
_bytes: Any = os.environ.encodevalue
_strings: list[Any] = []  # C may point to them as long as there is a process


class TraceVariable:
    """Belongs to a process. Whatever the function itself makes of the variable lasts until its next event.

    ``ctypes`` is the module where it is loaded, as by the launcher; for this alone it would take too long. Without it, ``setenv``.
    """

    def __init__(self, ctypes: Any = None) -> None:
        self._string = None
        if ctypes is not None:
            self._string = ctypes.create_string_buffer(_MOST_BYTES)
            _strings.append(self._string)
            self._address = ctypes.addressof(self._string) + len(_PREFIX)
            self._putenv, self._getenv = ctypes.pythonapi["putenv"], ctypes.pythonapi["getenv"]
            self._getenv.restype = ctypes.c_void_p

    def set(self, header: str | None) -> None:
        if not header:
            os.environ.pop(_NAME, None)
            return
        value = _bytes(header)
        string = self._string
        if string is None or len(_PREFIX) + len(value) >= _MOST_BYTES or os.environ is not _environment:
            os.environ[_NAME] = header
            return
        if self._getenv(_PREFIX[:-1]) != self._address:  # C has another string, or none
            os.environ[_NAME] = header
            string.value = _PREFIX + value
            self._putenv(string)
            return
        string.value = _PREFIX + value
        _variables[_KEY] = value
