from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import marshal
import os
import py_compile
import shutil
import stat
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_sandbox import quotas
from lambda_sandbox.control_plane.code import CodeStore, check_direct_size
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    RequestEntityTooLargeException,
    ResourceNotFoundException,
    SandboxFault,
)

from .conftest import make_zip

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


@pytest.fixture
def code(tmp_path: Path) -> Iterator[CodeStore]:
    made = CodeStore(tmp_path / "state")
    yield made
    made.close()


def entry_zip(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return held.getvalue()


def test_package_is_unpacked_under_its_hash_for_every_user_to_read(code: CodeStore) -> None:
    before = os.umask(0o077)
    try:
        package = make_zip({"app.py": "def handler(event, context): pass\n", "inner/deep/data.txt": "data"})
        code_sha256 = code.put(package)
    finally:
        os.umask(before)
    assert code_sha256 == base64.b64encode(hashlib.sha256(package).digest()).decode()
    folder = code.directory(code_sha256)
    assert (folder / "inner/deep/data.txt").read_text() == "data"
    for place in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(place.stat().st_mode) == (0o755 if place.is_dir() else 0o644), place
    assert code.package(code_sha256) == package


def test_modules_are_compiled_ahead_and_never_checked_against_their_source(code: CodeStore) -> None:
    folder = code.directory(code.put(make_zip({"app.py": "x = 1\n", "bad.py": "def\n"})))
    compiled = Path(importlib.util.cache_from_source(str(folder / "app.py")))
    flags = struct.unpack("<I", compiled.read_bytes()[4:8])[0]
    assert flags == 0b01  # a hash, not checked
    assert (folder / "bad.py").exists()


def test_byte_code_is_what_the_standard_library_s_compiler_writes(code: CodeStore, tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\ndef handler(event, context):\n    return 'bär'\n".encode("latin-1")
    sources = {
        "bär.py": source,
        "a bad.py": b"x = '\0'\n",
        "__pycache__/no.py": b"x = 1\n",
        "z/y.py": b"x = 1\n",
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in sources.items():
            archive.writestr(name, content)
    folder = code.directory(code.put(held.getvalue()))
    compiled = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.pyc"))
    tag = sys.implementation.cache_tag
    assert compiled == [f"__pycache__/bär.{tag}.pyc", f"z/__pycache__/y.{tag}.pyc"]
    expected = tmp_path / "expected.pyc"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(folder / "bär.py"), str(expected), "bär.py", invalidation_mode=mode)
    written, wanted = (folder / compiled[0]).read_bytes(), expected.read_bytes()
    assert (written[:16], marshal.loads(written[16:])) == (wanted[:16], marshal.loads(wanted[16:]))


def test_modules_are_compiled_in_the_folder_that_is_named_and_nowhere_else(code: CodeStore) -> None:
    package = make_zip({"about.py": "x = 1\n", "python/berry.py": "y = 1\n", "python/jam/lid.py": "z = 1\n"})
    folder = code.directory(code.put(package, modules="python"))
    assert sorted(place.name for place in folder.iterdir()) == ["about.py", "python"]
    for module in ("python/berry.py", "python/jam/lid.py"):
        assert Path(importlib.util.cache_from_source(str(folder / module))).is_file()


def test_a_package_without_the_named_folder_is_stored_as_it_is(code: CodeStore) -> None:
    folder = code.directory(code.put(make_zip({"about.py": "x = 1\n"}), modules="python"))
    assert [place.name for place in folder.iterdir()] == ["about.py"]


def test_executable_files_stay_executable(code: CodeStore) -> None:
    folder = code.directory(code.put(entry_zip("bootstrap", mode=stat.S_IFREG | 0o700)))
    assert stat.S_IMODE((folder / "bootstrap").stat().st_mode) == 0o755


def test_same_package_is_stored_once(code: CodeStore, tmp_path: Path) -> None:
    assert code.put(make_zip()) == code.put(make_zip())
    assert len(list((tmp_path / "state/code").iterdir())) == 2  # the folder and the zip


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(b"not a zip", id="no zip"),
        pytest.param(make_zip()[:-30], id="cut off"),
        pytest.param(
            make_zip({"a": "b" * 1000}).replace(b"PK\x03\x04", b"PK\x00\x00", 1), id="damaged entry"
        ),
        pytest.param(entry_zip("../outside"), id="parent folder"),
        pytest.param(entry_zip("a/../../outside"), id="parent folder inside"),
        pytest.param(entry_zip("/etc/passwd"), id="absolute"),
        pytest.param(entry_zip("..\\outside"), id="backslash"),
        pytest.param(entry_zip("C:/outside"), id="drive"),
        pytest.param(entry_zip("link", b"/etc/passwd", stat.S_IFLNK | 0o777), id="symbolic link"),
        pytest.param(entry_zip("pipe", b"", stat.S_IFIFO | 0o644), id="named pipe"),
        pytest.param(entry_zip("n" * 300), id="name too long"),
        pytest.param(make_zip({"a": "file", "a/b": "in it"}), id="file as folder"),
    ],
)
def test_bad_package_is_refused_and_leaves_nothing(code: CodeStore, tmp_path: Path, package: bytes) -> None:
    with pytest.raises(InvalidParameterValueException) as error:
        code.put(package)
    assert error.value.message.startswith(BAD_ZIP)
    assert list((tmp_path / "state/code").iterdir()) == []
    assert not (tmp_path / "state/outside").exists()


@pytest.mark.parametrize("package", [b"", b"PK\x05\x06" + bytes(18)], ids=["no bytes", "no entries"])
def test_empty_package_is_refused(code: CodeStore, package: bytes) -> None:
    with pytest.raises(InvalidParameterValueException, match="Uploaded file must be a non-empty zip"):
        code.put(package)


def test_bomb_is_refused_before_it_is_unpacked(code: CodeStore) -> None:
    held = io.BytesIO()
    with (
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("b", "w") as bomb,
    ):
        for _ in range(251):
            bomb.write(bytes(1024 * 1024))
    with pytest.raises(InvalidParameterValueException) as error:
        code.put(held.getvalue())
    assert error.value.message == "Unzipped size must be smaller than 262144000 bytes"


def test_bomb_that_lies_about_its_size_is_refused(code: CodeStore) -> None:
    package = bytearray(make_zip({"b": "x" * 1_000_000}))
    honest = struct.pack("<I", 1_000_000)
    assert package.count(honest) == 2
    with pytest.raises(InvalidParameterValueException):
        code.put(bytes(package).replace(honest, struct.pack("<I", 10)))


def test_direct_upload_over_50_mb_is_refused_as_a_request_too_large() -> None:
    check_direct_size(bytes(quotas.ZIP_DIRECT_BYTES), "CreateFunction")
    with pytest.raises(RequestEntityTooLargeException) as error:
        check_direct_size(bytes(quotas.ZIP_DIRECT_BYTES + 1), "CreateFunction")
    assert (
        error.value.message == "Request must be smaller than 69905067 bytes for the CreateFunction operation"
    )


def test_start_removes_what_a_killed_process_left_and_what_nobody_uses(tmp_path: Path) -> None:
    code = CodeStore(tmp_path)
    used, unused = code.put(make_zip({"a": "a"})), code.put(make_zip({"b": "b"}))
    (tmp_path / "code/.new-killed/task").mkdir(parents=True)
    code = CodeStore(tmp_path)
    code.sweep([used])
    assert len(list((tmp_path / "code").iterdir())) == 2
    assert code.package(unused) is None
    with pytest.raises(ResourceNotFoundException):
        code.directory(unused)
    assert (code.directory(used) / "a").read_text() == "a"


def test_package_without_its_folder_is_unpacked_again(code: CodeStore) -> None:
    code_sha256 = code.put(make_zip())
    (code.directory(code_sha256) / "app.txt").unlink()
    code.directory(code_sha256).rmdir()
    code.put(make_zip())
    assert (code.directory(code_sha256) / "app.txt").read_text() == "hello"


def test_a_folder_of_the_state_that_was_deleted_is_not_called_a_full_disk(tmp_path: Path) -> None:
    code = CodeStore(tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(SandboxFault, match="/state/code is gone, so start the sandbox again"):
        code.put(make_zip({"app.py": "x = 1"}))


def test_temporary_store_goes_with_its_process() -> None:
    code = CodeStore()
    folder = code.directory(code.put(make_zip()))
    code.close()
    assert not folder.exists()
