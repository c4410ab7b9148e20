"""Runs a lab's own notebook and its checks with the in_process driver: for ``dev-check``, never for a submission.

There is no isolation here, so only the course's own notebooks may be run this way. A process of its own keeps the
driver's hooks out of the caller: ``python -m autograder.in_process SLUG NOTEBOOK``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.errors import GraderFault
from autograder.execute import Execution
from autograder.limits import Limits
from autograder.notebook import Notebook, read_notebook
from autograder.sandbox import Sandbox
from autograder.score import SubmissionView, run_checks

_PATIENCE_S = 300.0


def outcomes(lab: Lab, notebook: Path) -> dict[str, str]:
    """Return check id to ``passed`` or ``failed``, from a run without a server.

    Raises GraderFault if the run itself fails.
    """
    command = [sys.executable, "-m", "autograder.in_process", lab.slug, str(notebook.resolve())]
    environment = {**os.environ, "LABS_FOLDER": str(lab.folder.parent.resolve())}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment, check=False
        )
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return found
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        last = (
            done.stderr.strip().splitlines()[-1:] if not isinstance(error, subprocess.TimeoutExpired) else []
        )
        raise GraderFault(
            f"{lab.slug} could not be run with the in_process driver: {last or error}"
        ) from None


class InProcessView(Sandbox):
    """The checks' view of a sandbox in this interpreter; the in_process driver answers botocore's requests."""

    def __init__(self, connection: Any) -> None:
        super().__init__("")
        self._connection = connection

    def history(self) -> dict[str, Any]:
        history = self._connection.history()
        answer: dict[str, Any] = {"invocations": history.invocations, "environments": history.environments}
        return answer

    def log_lines(self, name: str) -> list[str]:
        return [event["message"] for event in self._connection.logs(name).events]


def run_cells(notebook: Notebook, connection: Any) -> Execution:
    """Execute the cells with IPython in this process, with ``connection`` for the notebook's own ``connect()``."""
    from IPython.core.interactiveshell import InteractiveShell

    import lambda_sandbox

    lambda_sandbox.connect = lambda *given, **named: connection
    shell = InteractiveShell.instance()
    texts: list[str] = []
    errors: list[str | None] = []
    for cell in notebook.cells:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            outcome = shell.run_cell(cell.source)  # type: ignore[no-untyped-call]
        failure = outcome.error_in_exec or outcome.error_before_exec
        texts.append(shown.getvalue())
        errors.append(f"{type(failure).__name__}: {failure}" if failure else None)
    return Execution(tuple(texts), tuple(errors), "finished", "", 0.0)


def main(slug: str, path: str) -> None:
    lab = find_lab(read_labs(labs_folder()), slug)
    notebook = read_notebook(Path(path))
    with tempfile.TemporaryDirectory(prefix="labs-in-process-") as scratch:
        if lab.events.is_dir():
            shutil.copytree(lab.events, Path(scratch) / lab.events.name)
        os.environ["IPYTHONDIR"] = scratch
        with contextlib.chdir(scratch):
            from lambda_sandbox import connect

            connection = connect(driver="in_process", quiet=True)
            execution = run_cells(notebook, connection)
            view = SubmissionView(notebook, execution)
            results = run_checks(
                lab.checks, view, InProcessView(connection), seed="dev-check\0own", check_s=Limits().check_s
            )
    print(json.dumps({check.id: check.outcome for check in results}))


if __name__ == "__main__":
    main(*sys.argv[1:])
