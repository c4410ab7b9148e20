"""Shared libraries that a package or a layer brings along.

The loader reads ``LD_LIBRARY_PATH`` once, when a program starts. A process that was forked, or that started before the code
was mounted, does not find them: such a function gets a program of its own.
"""

from __future__ import annotations

import itertools
from pathlib import Path

_PATTERN = "*.so*"


class SharedLibraries:
    """Looks at each package once; packages are never changed once they are unpacked."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, Path | None], bool] = {}

    def brought(self, code: Path, layers: Path | None) -> bool:
        """True when one lies where AWS's ``LD_LIBRARY_PATH`` leads: ``/var/task``, ``/var/task/lib`` or ``/opt/lib``."""
        key = (code, layers)
        if key not in self._known:
            places = [code.glob("lib" + _PATTERN), (code / "lib").glob(_PATTERN)]
            if layers is not None:
                places.append((layers / "lib").glob(_PATTERN))
            self._known[key] = any(itertools.chain(*places))
        return self._known[key]
