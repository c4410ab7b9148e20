"""Deployment packages on disk: checked, unpacked once into a folder named by their hash, and kept for download."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from lambda_sandbox import quotas
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    RequestEntityTooLargeException,
    ResourceNotFoundException,
    SandboxFault,
)

_BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
# POLICY: a package or layer may hold 65,535 files. AWS documents no number; without one a zip of empty files could fill a disk.
_FILES_MAX = 65_535
_CHUNK = 1024 * 1024
_COMPILE_SECONDS = 60
_COMPILER = ("-I", "-S", "-X", "utf8", str(Path(__file__).with_name("compiling.py")))
_TEMPORARY = ".new-"
# What the zip format's decoders raise on damaged or encrypted content.
_UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})


class CodeStore:
    """Packages by ``CodeSha256``, which is base64 of SHA-256 as AWS shows it. Blocks while it unpacks."""

    def __init__(self, state: Path | None = None) -> None:
        """Keep packages under ``state``/code, or in a temporary folder that ``close`` removes."""
        self._temporary = state is None
        self._root = (
            Path(tempfile.mkdtemp(prefix="lambda-code-")) if state is None else state.absolute() / "code"
        )
        self._root.mkdir(parents=True, exist_ok=True)
        self._root.chmod(0o755)  # environments run as other users
        self._released: dict[str, float] = {}
        for leftover in self._root.glob(f"{_TEMPORARY}*"):  # of a process that was killed while unpacking
            _remove(leftover)

    def close(self) -> None:
        if self._temporary:
            _remove(self._root)

    def put(self, package: bytes, *, modules: str = ".") -> str:
        """Check and unpack a zip; return its ``CodeSha256``. A package that is known costs only its hash.

        Python modules are compiled ahead in the folder ``modules`` of the package, and nowhere else.
        Raises ``InvalidParameterValueException`` for what is no zip, unsafe or larger than 250 MB unpacked.
        """
        digest = hashlib.sha256(package).digest()
        code_sha256 = base64.b64encode(digest).decode("ascii")
        self._released.pop(code_sha256, None)
        folder, kept = self._places(code_sha256)
        if folder.is_dir() and kept.is_file():
            return code_sha256
        try:
            with tempfile.TemporaryDirectory(
                prefix=_TEMPORARY, dir=self._root, ignore_cleanup_errors=True
            ) as name:
                new = Path(name)
                self._write(package, new, modules)
                _publish(new / "task", folder)
                _publish(new / "package.zip", kept)
        except OSError as error:
            gone = not self._root.is_dir()
            todo = f"{self._root} is gone, so start the sandbox again" if gone else "make room on the disk"
            raise SandboxFault(f"The package could not be stored ({error.strerror}): {todo}.") from error
        return code_sha256

    def check(self, package: bytes) -> str:
        """Check a zip without keeping it and return its ``CodeSha256``; raises as ``put`` does."""
        _entries(package)
        return base64.b64encode(hashlib.sha256(package).digest()).decode("ascii")

    def directory(self, code_sha256: str) -> Path:
        """Return the folder of an unpacked package. Raises ``ResourceNotFoundException`` when it is gone."""
        folder = self._places(code_sha256)[0]
        if not folder.is_dir():
            raise ResourceNotFoundException(
                f"The package {code_sha256} is gone from {self._root}; update the code."
            )
        return folder

    def package(self, code_sha256: str) -> bytes | None:
        """Return the zip as it was uploaded, or ``None`` when it is gone."""
        kept = self._places(code_sha256)[1]
        return kept.read_bytes() if kept.is_file() else None

    def unpacked_bytes(self, code_sha256: str) -> int:
        """Return the bytes of a package's files once unpacked. Raises ``ResourceNotFoundException`` when it is gone."""
        self.directory(code_sha256)
        with zipfile.ZipFile(self._places(code_sha256)[1]) as kept:
            return sum(entry.file_size for entry in kept.infolist())

    def release(self, code_sha256: str, now: float) -> None:
        """Note that no function uses the package any more; ``collect`` removes it later."""
        self._released[code_sha256] = now

    def collect(self, now: float) -> None:
        """Remove the packages that were released longer ago than any invocation of them can still run."""
        for code_sha256, since in list(self._released.items()):
            if now - since >= quotas.TIMEOUT_S_MAX:
                del self._released[code_sha256]
                self._forget(code_sha256)

    def sweep(self, used: Iterable[str]) -> None:
        """Remove every package that is not among ``used``; for the start, when nothing runs."""
        wanted = {place.name for code_sha256 in used for place in self._places(code_sha256)}
        for place in self._root.iterdir():
            if place.name not in wanted:
                _remove(place)

    def _places(self, code_sha256: str) -> tuple[Path, Path]:
        name = base64.b64decode(code_sha256).hex()
        return self._root / name, self._root / f"{name}.zip"

    def _forget(self, code_sha256: str) -> None:
        for place in self._places(code_sha256):
            _remove(place)

    def _write(self, package: bytes, new: Path, modules: str) -> None:
        entries = _entries(package)
        task = new / "task"
        task.mkdir(mode=0o755)
        task.chmod(0o755)  # whatever the umask
        _unpack(package, entries, task)
        _compile(task, modules)
        (new / "package.zip").write_bytes(package)


def check_direct_size(package: bytes, operation: str) -> None:
    """Refuse a package that is over 50 MB and came in the request itself, as AWS does by the request's size."""
    if len(package) > quotas.ZIP_DIRECT_BYTES:
        # The number is AWS's: 50 MB in base64, less one.
        raise RequestEntityTooLargeException(
            f"Request must be smaller than 69905067 bytes for the {operation} operation"
        )


def _entries(package: bytes) -> list[zipfile.ZipInfo]:
    """Return the package's entries after every check that needs no unpacking."""
    if not package:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    try:
        entries = zipfile.ZipFile(io.BytesIO(package)).infolist()
    except _UNREADABLE:
        raise InvalidParameterValueException(_BAD_ZIP) from None
    if not entries:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if len(entries) > _FILES_MAX:
        raise InvalidParameterValueException(f"{_BAD_ZIP} It has more than {_FILES_MAX} entries.")
    for entry in entries:
        _check_entry(entry)
    if sum(entry.file_size for entry in entries) > quotas.UNZIPPED_BYTES:
        raise _too_large()
    return entries


def _too_large() -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Unzipped size must be smaller than {quotas.UNZIPPED_BYTES} bytes")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    steps = PurePosixPath(name).parts
    if "\\" in name:
        # DIFFERS: a package with backslashes in the names of its entries is refused; AWS makes files with such names, which no code finds.
        message = f"The entry {name!r} has a backslash in its name: make the zip with / between folders."
        raise InvalidParameterValueException(f"{_BAD_ZIP} {message}")
    if not steps or name.startswith("/") or ".." in steps or "\0" in name or steps[0].endswith(":"):
        raise InvalidParameterValueException(f"{_BAD_ZIP} The entry {name!r} leaves the package.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        # DIFFERS: a package with a symbolic link or a special file in it is refused, where AWS unpacks links. Zip the files themselves.
        raise InvalidParameterValueException(f"{_BAD_ZIP} The entry {name!r} is a link or a special file.")


def _unpack(package: bytes, entries: list[zipfile.ZipInfo], task: Path) -> None:
    left = quotas.UNZIPPED_BYTES
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for entry in entries:
            target = task.joinpath(*PurePosixPath(entry.orig_filename).parts)
            try:
                left = _unpack_entry(archive, entry, task, target, left)
            except _UNREADABLE:
                raise InvalidParameterValueException(_BAD_ZIP) from None
            except OSError as error:
                if error.errno in _DISK_FAULTS:
                    raise
                # A name too long, or a file where another entry needs a folder.
                raise InvalidParameterValueException(
                    f"{_BAD_ZIP} {error.strerror}: {entry.filename!r}."
                ) from None


def _unpack_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, task: Path, target: Path, left: int
) -> int:
    """Unpack one entry and return how many bytes the package may still fill; declared sizes may lie."""
    if entry.is_dir():
        _make_folder(task, target)
        return left
    _make_folder(task, target.parent)
    with archive.open(entry) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _too_large()
            file.write(chunk)
    executable = (entry.external_attr >> 16) & 0o111
    target.chmod(0o755 if executable else 0o644)
    return left


def _make_folder(task: Path, folder: Path) -> None:
    place = task
    for step in folder.relative_to(task).parts:
        place = place / step
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o755)


def _compile(task: Path, modules: str) -> None:
    """Compile the modules in that folder ahead, so that no cold start pays for it; the code folder is read-only by then.

    The compiler runs in a process of its own, since hostile source can crash an interpreter. A package that does not
    compile is stored all the same: its error belongs to the invocation.

    DIFFERS: a Python function finds a folder ``__pycache__`` beside its modules, since packages are compiled when they are deployed.
    A function that lists its own files sees it.
    """
    found = (path.relative_to(task) for path in sorted((task / modules).rglob("*.py")))
    sources = [path for path in found if "__pycache__" not in path.parts]
    if sys.platform == "emscripten" or not sources:
        return
    try:
        subprocess.run(
            [sys.executable, *_COMPILER],
            cwd=task,
            timeout=_COMPILE_SECONDS,
            check=False,
            input=b"".join(os.fsencode(source) + b"\0" for source in sources),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return
    for place in task.rglob("__pycache__"):
        _open_to_all(place)


def _open_to_all(folder: Path) -> None:
    folder.chmod(0o755)
    for compiled in folder.iterdir():
        if compiled.is_file():
            compiled.chmod(0o644)


def _publish(new: Path, place: Path) -> None:
    """Move ``new`` to its name in one step. A folder that is there already has the same content."""
    try:
        os.replace(new, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
