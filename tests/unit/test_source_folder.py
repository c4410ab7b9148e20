"""A folder under an editor's hands: what counts as a change, and what becomes the package."""

import io
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue

import pytest

from lambda_sandbox import source_folder
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.packaging import package
from lambda_sandbox.source_folder import SourceArchive, SourceFolder, source_at


def _put_all(queue: "Queue[float]", moments: Iterator[float]) -> None:
    for moment in moments:
        queue.put(moment)


@contextmanager
def watched(folder: SourceFolder) -> Iterator["Queue[float]"]:
    """The changes as they come; the first, which comes without one, has been taken."""
    seen: Queue[float] = Queue()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: _put_all(seen, folder.changes(stop)), daemon=True)
    thread.start()
    seen.get(timeout=10)
    yield seen
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_saved_file_is_one_change_within_a_second(tmp_path: Path) -> None:
    with watched(SourceFolder(tmp_path)) as seen:
        (tmp_path / "app.py").write_text("A = 1")
        seen.get(timeout=1)


@pytest.mark.parametrize(
    "name", [".app.py.swp", "app.py~", "4913", "#app.py#", ".#app.py", "__pycache__/app.cpython-311.pyc"]
)
def test_what_editors_and_python_write_beside_a_file_is_no_change(tmp_path: Path, name: str) -> None:
    (tmp_path / "__pycache__").mkdir()
    with watched(SourceFolder(tmp_path)) as seen:
        (tmp_path / name).write_text("x")
        with pytest.raises(Empty):
            seen.get(timeout=0.3)
        (tmp_path / "app.py").write_text("A = 1")  # the watch lives: this one is seen
        seen.get(timeout=1)


def test_names_of_folders_above_do_not_hide_a_change(tmp_path: Path) -> None:
    inside = tmp_path / ".venv" / "code"
    inside.mkdir(parents=True)
    with watched(SourceFolder(inside)) as seen:
        (inside / "app.py").write_text("A = 1")
        seen.get(timeout=1)


def test_the_package_is_what_the_folder_holds_now(tmp_path: Path) -> None:
    folder = SourceFolder(tmp_path)
    (tmp_path / "app.py").write_text("A = 1")
    first = folder.package()
    assert folder.package() == first
    (tmp_path / "more.py").write_text("B = 2")
    assert sorted(zipfile.ZipFile(io.BytesIO(folder.package())).namelist()) == ["app.py", "more.py"]


def test_a_folder_that_is_too_large_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_folder, "UNZIPPED_BYTES", 2**20)
    (tmp_path / "film.bin").write_bytes(b"0" * (2**20 + 1))
    with pytest.raises(SandboxFault, match="put the function in a folder of its own"):
        SourceFolder(tmp_path).package()


def test_an_empty_folder_and_a_missing_one_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SandboxFault, match="there is no file to deploy"):
        SourceFolder(tmp_path).package()
    with pytest.raises(SandboxFault, match="is not a folder"):
        SourceFolder(tmp_path / "nowhere")


@pytest.mark.parametrize("way", ["deleted and made again", "moved away"])
def test_a_folder_that_is_replaced_is_watched_on(tmp_path: Path, way: str) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (root / "app.py").write_text("A = 1")
    with watched(SourceFolder(root)) as seen:
        shutil.rmtree(root) if way == "deleted and made again" else root.rename(tmp_path / "old")
        root.mkdir()
        (root / "app.py").write_text("A = 2")
        seen.get(timeout=5)
        with suppress(Empty):  # until the watch of the new folder is quiet
            while True:
                seen.get(timeout=1)
        (root / "app.py").write_text("A = 3")
        seen.get(timeout=1)


def test_a_folder_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    root = tmp_path / "code"
    root.mkdir()
    folder = SourceFolder(root)
    with watched(folder) as seen:
        root.rename(tmp_path / "old")
        with pytest.raises(SandboxFault, match="is gone; put it back"):
            folder.package()
        with suppress(Empty):
            while True:
                seen.get(timeout=1)
        (tmp_path / "old").rename(root)
        seen.get(timeout=5)


def test_a_linked_folder_counts_and_one_that_leads_back_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, shared = tmp_path / "code", tmp_path / "shared"
    root.mkdir()
    shared.mkdir()
    (shared / "film.bin").write_bytes(b"0" * (2**20 + 1))
    (root / "lib").symlink_to(shared)
    monkeypatch.setattr(source_folder, "UNZIPPED_BYTES", 2**20)
    with pytest.raises(SandboxFault, match="put the function in a folder of its own"):
        SourceFolder(root).package()
    (root / "lib").unlink()
    (root / "round").symlink_to(root)
    with pytest.raises(SandboxFault, match="leads back to"):
        SourceFolder(root).package()


# --- archives -------------------------------------------------------------------------------------------------


def test_an_archive_is_its_own_package_and_a_new_build_is_a_change(tmp_path: Path) -> None:
    archive = tmp_path / "function.zip"
    archive.write_bytes(package("a = 1"))
    source = source_at(archive)
    assert isinstance(source, SourceArchive)
    assert source.source == archive.resolve()
    with watched(source) as seen:
        (tmp_path / "beside.txt").write_text("x")
        with pytest.raises(Empty):
            seen.get(timeout=0.5)
        (tmp_path / "new").write_bytes(package("a = 2"))
        (tmp_path / "new").replace(archive)
        seen.get(timeout=10)
    assert source.package() == package("a = 2")


def test_an_archive_that_is_gone_or_half_written_is_one_sentence(tmp_path: Path) -> None:
    archive = tmp_path / "function.zip"
    with pytest.raises(SandboxFault, match=r"there is no archive .*; build it first"):
        source_at(archive)
    archive.write_bytes(package("a = 1"))
    source = source_at(archive)
    archive.write_bytes(b"PK")
    with pytest.raises(SandboxFault, match="no zip archive, or only a part"):
        source.package()
    archive.unlink()
    with pytest.raises(SandboxFault, match="is gone; build it again"):
        source.package()


def test_a_folder_with_an_archive_s_name_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "app.zip").mkdir()
    assert not isinstance(source_at(tmp_path / "app.zip"), SourceArchive)


def test_a_file_in_the_place_of_a_folder_says_which_folder(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("a = 1")
    with pytest.raises(SandboxFault, match=f"is not a folder; .*, such as {tmp_path}"):
        source_at(tmp_path / "app.py")
