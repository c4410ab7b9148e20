"""Which preloaded interpreter a function is forked from: a plain one, or one that has boto3 in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PLAIN, BOTO3 = "", "boto3"
# What AWS's runtime brings along. A package or layer with one of these must get its own, not the one preloaded.
_BROUGHT = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_BRING_BOTO3 = (b"boto3", b"botocore", b"aws_durable_execution_sdk_python")
_FILES_READ, _BYTES_READ = 200, 2 << 20


def of_version(flavour: str, python: str) -> str:
    """Return the name of ``flavour`` in another interpreter, whose path inside is ``python``."""
    return f"{flavour}@{python}"


class Flavours:
    """Looks at each package once; packages are never changed once they are unpacked."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, Path | None], str] = {}

    def flavour(self, code: Path, layers: Path | None, import_path: str) -> str:
        """Return the flavour for a package and its layers. ``import_path`` is the function's own ``PYTHONPATH``."""
        if import_path:
            return PLAIN  # it may lead to a boto3 of the function's
        key = (code, layers)
        if key not in self._known:
            self._known[key] = BOTO3 if _mentions_boto3(code) and not _shadows(code, layers) else PLAIN
        return self._known[key]


def _shadows(code: Path, layers: Path | None) -> bool:
    places = [code]
    if layers is not None:
        places += [layers / "python", *layers.glob("python/lib/python3*/site-packages")]
    return any(
        (place / name).exists() or (place / f"{name}.py").exists() for place in places for name in _BROUGHT
    )


def _mentions_boto3(code: Path) -> bool:
    return any(any(name in text for name in _BRING_BOTO3) for text in _sources(code))


def _sources(code: Path) -> Iterator[bytes]:
    """Yield Python files until enough has been read to know."""
    files, left = 0, _BYTES_READ
    for folder, _, names in os.walk(code):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    text = file.read(left)
                yield text
                files, left = files + 1, left - len(text)
                if files >= _FILES_READ or left <= 0:
                    return
