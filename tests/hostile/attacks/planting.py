"""Submissions that leave files for Python, pytest or Jupyter to pick up: written by a cell, or handed in beside the notebook."""

from __future__ import annotations

from ..submitted import FACTS, FILES, Submitted, plain

_NAMES = (
    "conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini", "sitecustomize.py", "usercustomize.py", "evil.pth",
    "lambda_sandbox.py", "boto3.py", "pytest.py", "json.py", "nbformat.py", "autograder/__init__.py", "autograder/checks.py",
    "checks/test_more.py", "test_more.py", "checks/conftest.py", ".ipython/profile_default/startup/00-evil.py",
    ".local/lib/python3.11/site-packages/usercustomize.py", ".jupyter/jupyter_config.py", "share/jupyter/kernels/python3/kernel.json",
)  # fmt: skip

# Wherever it is run it ends the process with success, and where it is read as settings it asks for nothing to be checked.
_EVIL = "import os; os._exit(0)\n"
_SETTINGS = "[pytest]\naddopts = --collect-only -p evil\n[tool:pytest]\naddopts = --collect-only\n"


def _content(name: str) -> str:
    if name.endswith((".ini", ".cfg", ".toml")):
        return _SETTINGS
    return (
        '{"argv": ["/bin/false"], "language": "python", "display_name": "x"}'
        if name.endswith("json")
        else _EVIL
    )


BESIDE = {name: _content(name) for name in _NAMES}

_PLANTS = f"""\
import os, pathlib, site, sys
files = {BESIDE!r}
for folder in {{".", "..", os.environ["HOME"], "/tmp", "/course", "/", *sys.path, site.getusersitepackages(), os.path.dirname(os.__file__)}}:
    for name, text in files.items():
        try:
            target = pathlib.Path(folder or ".", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists(): target.write_text(text)
        except OSError: pass
"""

PLANTING = {
    "hostile-plants-files": plain(_PLANTS, ("work", "import boto3, json"), needs=FILES),
    "hostile-hands-in-files-beside": Submitted(
        [FACTS, ("work", "import boto3, json, autograder.checks")], 2, beside=BESIDE
    ),
}
