"""The built site that the tests of docs/ and browser/ look at."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The strictly built site, copied once a test run for all workers, so that a later build does not pull it away."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "site").exists():
            _make_site()
            shutil.copytree(ROOT / "site", shared / "site")
    return shared / "site"


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    """Every page as a path inside the site, notebooks included."""
    return sorted(
        path.relative_to(site).as_posix() for path in site.rglob("*.html") if path.name != "404.html"
    )


def _make_site() -> None:
    # Without the outer make's flags: this is a make of its own, also when the tests run under `make test`.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "site"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
