"""Libraries as a deployment package brings them: copied from this environment into the function's own folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def libraries(*names: str) -> dict[str, str | bytes]:
    """Return the files of installed modules and packages, as ``Server.deploy`` takes them."""
    files: dict[str, str | bytes] = {}
    for name in names:
        found = importlib.util.find_spec(name)
        assert found is not None, f"{name} is not installed"
        assert found.origin is not None
        origin = Path(found.origin)
        if origin.name != "__init__.py":
            files[origin.name] = origin.read_bytes()
            continue
        for path in origin.parent.rglob("*"):
            if path.is_file() and path.suffix in (".py", ".json"):
                files[path.relative_to(origin.parent.parent).as_posix()] = path.read_bytes()
    return files
