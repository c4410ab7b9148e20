"""``make pdf``: the course on paper. The built site becomes one document, and Chromium prints it into ``build/course.pdf``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course import book

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_TIMEOUT_S = 280.0
_SWITCHES = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a document from disk, and nothing else
)


class PrintingFailed(Exception):
    """Why there is no PDF, in one sentence."""


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome, ``None`` where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def print_document(document: str, target: Path) -> None:
    """Print an HTML document into the file ``target``. Raises ``PrintingFailed``."""
    program = chromium()
    if program is None:
        raise PrintingFailed(
            "There is no chromium on this machine: install it (apt install chromium) and try again."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="course-pdf-") as folder:
        source, printed = Path(folder) / "course.html", Path(folder) / "course.pdf"
        source.write_text(document, encoding="utf-8")
        _run(
            [
                program,
                *_SWITCHES,
                *_as_root(),
                f"--user-data-dir={folder}/profile",
                f"--print-to-pdf={printed}",
                source.as_uri(),
            ]
        )
        if not printed.is_file():
            raise PrintingFailed(f"{program} ended without an error and without a PDF.")
        shutil.move(printed, target)


def _as_root() -> list[str]:
    """Chromium's own sandbox does not start as root; what is printed is this course and nothing from elsewhere."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise PrintingFailed(f"{command[0]} did not finish within {_TIMEOUT_S:.0f} seconds.") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PrintingFailed(f"{command[0]} ended with status {done.returncode}: {last}")


def main() -> int:
    site, target = ROOT / "site", ROOT / "build" / "course.pdf"
    try:
        print_document(book.assemble(site, (ROOT / "mkdocs.yml").read_text(encoding="utf-8")), target)
    except (PrintingFailed, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1024**2:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
