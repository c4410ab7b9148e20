"""Deployment packages: source text, a dictionary or a folder becomes the same zip every time; an archive stays as it is."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from textwrap import dedent

IGNORED_NAMES = frozenset(
    {
        "__pycache__",
        ".venv",
        "venv",
        ".git",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
ARCHIVES = (".zip", ".jar")  # a Java archive is a zip
# The oldest moment that a zip can hold: equal sources then give equal bytes, and so an equal CodeSha256.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def package(source: str | Mapping[str, str | bytes] | Path, *, filename: str | None = None) -> bytes:
    """Return the bytes of a deployment zip, the same for the same source.

    ``source`` is the text of one module (common indentation is removed), a dictionary of names to contents, or the
    ``Path`` of a file or folder (``__pycache__``, ``.venv`` and the like are left out). ``filename`` names the one file
    when ``source`` is text (``app.py`` unless given) or a file (its own name unless given). The ``Path`` of a ``.zip`` or
    ``.jar`` without ``filename`` is a package already: its bytes are returned.

    Raises ``ValueError`` for a name that leaves the package, for an empty package, for an archive that cannot be opened,
    and for text that is only the name of a file that exists; ``FileNotFoundError`` for a path that does not exist.
    """
    if isinstance(source, Path) and filename is None and is_archive(source):
        return _archive(source)
    return _zip(dict(sorted(_entries(source, filename))))


def is_archive(path: Path) -> bool:
    """Say whether ``path`` is a file that is a package already, by its name."""
    return path.suffix.lower() in ARCHIVES and path.is_file()


def _archive(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise ValueError(
            f"{path} is no {path.suffix[1:].lower()} archive, or only a part of one; make it again"
        ) from None
    if not files:
        raise ValueError(f"there is no file in {path}; make it again, from what is in the code's folder")
    return content


def _entries(
    source: str | Mapping[str, str | bytes] | Path, filename: str | None
) -> Iterator[tuple[str, tuple[bytes, bool]]]:
    if isinstance(source, str):
        _refuse_file_name(source)
        name = _checked(filename or "app.py")
        yield name, _content(name, dedent(source))
    elif isinstance(source, Path) and source.is_file():
        yield _checked(filename or source.name), _read(source)
    elif filename is not None:
        raise ValueError("filename= names a single file; a folder or a dictionary already names its files")
    elif isinstance(source, Path):
        yield from _folder(source)
    else:
        for name, content in source.items():
            yield _checked(name), _content(name, content)


def _refuse_file_name(text: str) -> None:
    if "\n" not in text and len(text) < 256 and Path(text).exists():
        raise ValueError(f"package() takes source text; for the file or folder {text!r} pass Path({text!r})")


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or str(path) == ".":
        raise ValueError(f"{name!r} is not a name inside a package: use a relative path with forward slashes")
    return str(path)


def _content(name: str, content: str | bytes) -> tuple[bytes, bool]:
    raw = content.encode() if isinstance(content, str) else bytes(content)
    # A custom runtime's bootstrap is run, not imported; a dictionary has no mode bits to say so.
    return raw, raw.startswith(b"#!") or PurePosixPath(name).name == "bootstrap"


def _read(path: Path) -> tuple[bytes, bool]:
    return path.read_bytes(), bool(path.stat().st_mode & 0o111)


def _folder(root: Path) -> Iterator[tuple[str, tuple[bytes, bool]]]:
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is neither a file nor a folder")
    for path in files(root):
        if path.is_file() and not path.name.endswith(".pyc") and path.name != ".DS_Store":
            yield path.relative_to(root).as_posix(), _read(path)


def files(root: Path, _left: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield what a folder's package may hold, without the folders that are left out; links are followed, as by ``zip -r``.

    Raises ``ValueError`` that names a link which leads back to a folder that it lies in.
    """
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in IGNORED_NAMES]
        yield from (Path(folder, name) for name in names)
        for name in subfolders:
            path = Path(folder, name)
            if path.is_symlink():  # os.walk lists these and does not enter them
                yield from files(path, _beyond(path, _left))


def _beyond(link: Path, left: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders that were left through links, with that of ``link``: none of them may lie behind it."""
    target = Path(os.path.realpath(link))
    left = (*left, os.path.realpath(link.parent))
    if any(Path(each).is_relative_to(target) for each in left):
        raise ValueError(f"the link {link} leads back to {target}, which it lies in; remove the link")
    return left


def _zip(entries: Mapping[str, tuple[bytes, bool]]) -> bytes:
    if not entries:
        raise ValueError("the package is empty: there is no file to deploy")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, executable) in entries.items():
            info = zipfile.ZipInfo(name, _TIMESTAMP)
            info.create_system = _UNIX
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if executable else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()
