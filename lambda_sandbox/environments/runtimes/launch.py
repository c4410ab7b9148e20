"""How one runtime is started: the command, its variables, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are for the function: AWS's paths, or the host's in an environment without isolation (``bare``)."""

    python: str
    runtime: str = "/var/runtime"
    task: str = "/var/task"
    layers: str = "/opt"
    bare: bool = False
    node_modules: str = "/var/runtime/node_modules"

    def translate(self, path: str) -> str:
        """Return where AWS's ``path`` really is."""
        if self.bare:
            for standard, place in (
                ("/var/task", self.task),
                ("/opt", self.layers),
                ("/var/runtime", self.runtime),
            ):
                if path == standard or path.startswith(f"{standard}/"):
                    return place + path[len(standard) :]
        return path


@dataclass(frozen=True, slots=True)
class Launch:
    """The first of ``commands`` whose program exists is run; none at all means the lean Python client, forked or in place.

    ``libraries`` is a folder in front of ``LD_LIBRARY_PATH``, ``import_path`` goes behind the function's ``PYTHONPATH``.
    ``fork`` is the interpreter that may be preloaded and forked in place of the command. ``ahead``: the command may start
    before it is known for which function, and is told on the descriptor whose number is ``LAMBDA_SANDBOX_WAITS``.
    ``missing`` is one sentence when nothing can be started; the environment then fails its init with it.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    libraries: str = ""
    import_path: tuple[str, ...] = ()
    fork: str = ""
    ahead: bool = False
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a language needs to know of the function: ``handler``, ``memory_mb``, ``environment`` and the ``places``."""

    runtime: str
    version: str
    handler: str
    memory_mb: int
    native: bool
    places: Places
    runtime_folder: Path  # on the host, what /var/runtime shows; a compiled client is put there
    code: Path | None = None  # on the host, what /var/task shows; ``None`` where nobody has it at hand
    environment: Mapping[str, str] = field(default_factory=dict)
