"""Deployment packages: the same source is the same zip."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from lambda_sandbox.packaging import package


def entries(zipped: bytes) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return {info.filename: info for info in archive.infolist()}


def content(zipped: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return archive.read(name)


def mode(info: zipfile.ZipInfo) -> int:
    return (info.external_attr >> 16) & 0o777


def test_source_text_becomes_app_py() -> None:
    assert content(package("def handler(event, context):\n    return 1\n"), "app.py").startswith(
        b"def handler"
    )


def test_common_indentation_of_source_text_is_removed() -> None:
    assert content(package("    x = 1\n    y = 2\n"), "app.py") == b"x = 1\ny = 2\n"


def test_filename_names_the_module() -> None:
    assert list(entries(package("x = 1\n", filename="shop/price.py"))) == ["shop/price.py"]


def test_equal_dictionaries_in_another_order_give_equal_bytes() -> None:
    assert package({"a.py": "1", "b.py": b"2"}) == package({"b.py": b"2", "a.py": "1"})


def test_a_folder_packed_after_its_files_were_touched_gives_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    first = package(tmp_path)
    (tmp_path / "app.py").write_text("x = 1\n")
    assert package(tmp_path) == first


def test_a_folder_leaves_out_caches_and_virtual_environments(tmp_path: Path) -> None:
    for name in (
        "app.py",
        "lib/price.py",
        "__pycache__/app.pyc",
        ".venv/bin/python",
        "lib/.git/config",
        "old.pyc",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    assert list(entries(package(tmp_path))) == ["app.py", "lib/price.py"]


def test_a_single_file_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "price.py").write_text("x = 1\n")
    assert list(entries(package(tmp_path / "price.py"))) == ["price.py"]


def test_modules_are_readable_by_all_and_scripts_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "tool").write_text("echo\n")
    (tmp_path / "app.py").chmod(0o600)
    (tmp_path / "tool").chmod(0o700)
    modes = {name: mode(info) for name, info in entries(package(tmp_path)).items()}
    assert modes == {"app.py": 0o644, "tool": 0o755}


def test_a_bootstrap_in_a_dictionary_can_be_run() -> None:
    modes = {
        name: mode(info) for name, info in entries(package({"bootstrap": "exec x", "app.py": "x"})).items()
    }
    assert modes == {"app.py": 0o644, "bootstrap": 0o755}


@pytest.mark.parametrize("name", ["../app.py", "/app.py", "a/../../app.py", "", "a\\b.py"])
def test_a_name_that_leaves_the_package_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name inside a package"):
        package({name: "x = 1"})


def test_the_name_of_an_existing_file_is_not_taken_for_source_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"pass Path\('app\.py'\)"):
        package("app.py")


def test_an_empty_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="empty"):
        package(tmp_path)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither a file nor a folder"):
        package(tmp_path / "missing")


def test_filename_with_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="single file"):
        package(tmp_path, filename="app.py")


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    root, shared = tmp_path / "code", tmp_path / "shared"
    for folder in (root, shared / "deep"):
        folder.mkdir(parents=True)
    (shared / "price.py").write_text("x = 1\n")
    (shared / "deep" / "tax.py").write_text("y = 2\n")
    (root / "app.py").symlink_to(shared / "price.py")
    (root / "lib").symlink_to(shared)
    (root / "gone.py").symlink_to(tmp_path / "nowhere")  # as an editor's lock is: a link to nothing
    assert list(entries(package(root))) == ["app.py", "lib/deep/tax.py", "lib/price.py"]


@pytest.mark.parametrize("target", ["../..", "..", "../../other"])
def test_a_link_that_leads_back_to_its_own_folder_is_refused_by_name(tmp_path: Path, target: str) -> None:
    root, other = tmp_path / "code", tmp_path / "other"
    (root / "lib").mkdir(parents=True)
    other.mkdir()
    (root / "app.py").write_text("x = 1\n")
    (root / "lib" / "round").symlink_to(target)
    (other / "back").symlink_to(root)
    with pytest.raises(ValueError, match=r"the link .*/(lib/round|back) leads back to .*; remove the link"):
        package(root)


# --- archives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["function.zip", "function.jar", "FUNCTION.ZIP"])
def test_an_archive_is_a_package_already(tmp_path: Path, name: str) -> None:
    content = package({"app.py": "x = 1\n", "lib/price.py": "y = 2\n"})
    (tmp_path / name).write_bytes(content)
    assert package(tmp_path / name) == content


def test_an_archive_that_is_given_another_name_is_a_file_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(package({"a.csv": "1"}))
    assert list(entries(package(tmp_path / "data.zip", filename="lib/data.zip"))) == ["lib/data.zip"]


def test_an_archive_in_a_folder_is_a_file_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(package({"a.csv": "1"}))
    assert list(entries(package(tmp_path))) == ["data.zip"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", package({"app.py": "x = 1\n"})[:-30]],
    ids=["empty", "something else", "only a part"],
)
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "function.zip").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"function\.zip is no zip archive, or only a part of one; make it again"
    ):
        package(tmp_path / "function.zip")


def test_an_archive_without_a_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "function.jar", "w") as archive:
        archive.mkdir("lib")
    with pytest.raises(ValueError, match=r"there is no file in .*function\.jar"):
        package(tmp_path / "function.jar")
