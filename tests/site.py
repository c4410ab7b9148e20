"""The built site that the tests of docs/ and browser/ look at."""

import functools
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def built_site() -> Path:
    """Return the folder of the site, built strictly by ``make site`` if a source is newer."""
    # Without the outer make's flags: this is a make of its own, also when the tests run under `make test`.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "site"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "site"


def pages() -> list[str]:
    """Every page as a path inside the site, notebooks included."""
    site = built_site()
    return sorted(
        path.relative_to(site).as_posix() for path in site.rglob("*.html") if path.name != "404.html"
    )
