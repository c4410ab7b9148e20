from __future__ import annotations

from pathlib import Path

import pytest

from lambda_sandbox.environments.flavours import BOTO3, PLAIN, Flavours


def package(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "flavour"),
    [
        pytest.param({"app.py": "import boto3\n"}, BOTO3, id="a package that mentions boto3"),
        pytest.param({"app.py": "x = 1\n", "lib/aws.py": "from botocore import session"}, BOTO3, id="a module below"),
        pytest.param({"app.py": "x = 1\n"}, PLAIN, id="one that does not"),
        pytest.param({"app.py": "import boto3\n", "boto3.py": ""}, PLAIN, id="one with a boto3 of its own"),
        pytest.param({"app.py": "import boto3\n", "urllib3/__init__.py": ""}, PLAIN, id="one with another urllib3"),
    ],
)  # fmt: skip
def test_boto3_is_preloaded_only_for_those_who_take_the_runtimes(
    tmp_path: Path, files: dict[str, str], flavour: str
) -> None:
    assert Flavours().flavour(package(tmp_path, files), None, "") == flavour


@pytest.mark.parametrize("place", ["python", "python/lib/python3.11/site-packages"])
def test_a_layers_boto3_is_the_functions(tmp_path: Path, place: str) -> None:
    code = package(tmp_path / "code", {"app.py": "import boto3\n"})
    layer = package(tmp_path / "layer", {f"{place}/botocore/__init__.py": ""})
    assert Flavours().flavour(code, layer, "") == PLAIN
    assert Flavours().flavour(code, package(tmp_path / "other", {"python/x.py": ""}), "") == BOTO3


def test_an_import_path_of_the_functions_own_may_lead_anywhere(tmp_path: Path) -> None:
    code = package(tmp_path, {"app.py": "import boto3\n"})
    assert Flavours().flavour(code, None, "/tmp/elsewhere") == PLAIN
