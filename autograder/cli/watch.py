"""``labs watch``: the notebook is checked whenever it is saved, and one next step is shown."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from autograder.cli import console as show
from autograder.cli.group import main
from autograder.cli.learner import no_notebook, refuse_other, refuse_unread, remember
from autograder.cli.usage import Seconds
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.grade import Job
from autograder.limits import Limits
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_one

# POLICY: an editor writes in several steps; so long after the last of them the file is taken as saved.
_QUIET_MS = 50
_LONGEST_WAIT_MS = 400
# POLICY: a look at the file now and then finds saves on network drives, of which the kernel tells nothing.
_LOOK_ANYWAY_MS = 2_000


@main.command()
@click.argument("lab_name", metavar="[LAB]", required=False)
@click.option("--timeout", "wall_s", type=Seconds(), default=120.0, show_default=True, help="Seconds.")
def watch(lab_name: str | None, wall_s: float) -> None:
    """Check the lab's notebook now and after each save, and show one next step. Ctrl-C ends it."""
    labs = read_labs(labs_folder())
    lab = find_lab(labs, lab_name)
    if not lab.notebook.exists():
        raise no_notebook(lab, lab.notebook)
    console = Console()
    checking = 0
    try:
        console.print(
            f"Watching {lab.notebook}. Save it to have it checked; Ctrl-C ends this.", soft_wrap=True
        )
        job = Job(
            lab, Submission("you", "you", lab.notebook), secrets.token_hex(8), limits=Limits(wall_s=wall_s)
        )
        # The foreman stays, with everything ready for the next save.
        with Foremen() as foremen:
            for _ in _saves(lab.notebook):
                _stop(checking)
                foremen.for_job(job)
                checking = _start(job, foremen, labs)
    except KeyboardInterrupt:
        pass
    finally:
        _stop(checking)
    console.print("No longer watching.")


def _saves(path: Path) -> Iterator[None]:
    """Yield at once, and then whenever the file's content has changed; the kernel says when to look."""
    try:
        from watchfiles import watch as changes
    except ImportError:
        raise click.ClickException("labs watch needs watchfiles: pip install watchfiles.") from None
    seen = _content(path)
    yield
    for _ in changes(
        path.parent,
        watch_filter=lambda change, changed: os.path.basename(changed) == path.name,
        step=_QUIET_MS,
        debounce=_LONGEST_WAIT_MS,
        rust_timeout=_LOOK_ANYWAY_MS,
        yield_on_timeout=True,
        recursive=False,
    ):
        now = _content(path)
        if now and now != seen:  # empty: in the middle of being replaced
            seen = now
            yield


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _start(job: Job, foremen: Foremen, labs: list[Lab]) -> int:
    """Check in a forked process, so that the next save need not wait for it; return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C is for the watcher, which then ends this process
        _check(job, foremen, labs)
        code = 0
    except SystemExit:
        pass
    except BaseException as error:
        click.echo(f"Not checked: {error}", err=True)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _check(job: Job, foremen: Foremen, labs: list[Lab]) -> None:
    refuse_other(job.lab, job.lab.notebook, labs)
    result = grade_one(job, foremen)
    refuse_unread(job.lab, job.lab.notebook, result)
    new = remember(job.lab, result)
    show.print_step(Console(), job.lab, result, new, show.whys_of(job.lab))


def _stop(pid: int) -> None:
    """End a check that is under way, or take leave of one that is done; returns when nothing of it is left."""
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
