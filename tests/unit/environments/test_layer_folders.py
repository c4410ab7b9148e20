"""Several layers as one ``/opt``, and what is said where they do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_sandbox.environments.layer_folders import LayerFolders
from lambda_sandbox.errors import SandboxFault


def layer(place: Path, **files: str) -> Path:
    """Make a layer; ``a__b`` is the file ``b`` in the folder ``a``."""
    for name, text in files.items():
        file = place / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return place


@pytest.fixture
def folders(tmp_path: Path) -> LayerFolders:
    (tmp_path / "merged").mkdir()
    return LayerFolders(tmp_path / "merged")


def test_a_later_layer_lies_over_an_earlier_one(folders: LayerFolders, tmp_path: Path) -> None:
    first = layer(tmp_path / "first", lib__a="1", lib__b="1")
    second = layer(tmp_path / "second", lib__b="2")
    opt = folders.one_folder([first, second])
    assert opt is not None
    assert [(opt / "lib" / name).read_text() for name in "ab"] == ["1", "2"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["file first", "folder first"])
def test_a_file_and_a_folder_of_one_name_do_not_fit(
    folders: LayerFolders, tmp_path: Path, order: tuple[int, int]
) -> None:
    both = layer(tmp_path / "first", x="file", only_here="1"), layer(tmp_path / "second", x__y="in a folder")
    with pytest.raises(SandboxFault, match=r"layers do not fit together: .*/opt/x"):
        folders.one_folder([both[place] for place in order])


def test_layers_that_do_not_fit_leave_nothing_to_those_of_other_functions(
    folders: LayerFolders, tmp_path: Path
) -> None:
    wrong = [layer(tmp_path / "a", x="file", stray="1"), layer(tmp_path / "b", x__y="in a folder")]
    right = [layer(tmp_path / "c", one="1"), layer(tmp_path / "d", two="2")]
    with pytest.raises(SandboxFault):
        folders.one_folder(wrong)
    opt = folders.one_folder(right)
    assert opt is not None
    assert sorted(path.name for path in opt.iterdir()) == ["one", "two"]
