"""The ``labs`` command itself: errors as one sentence, and an orderly end."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from autograder.cli.usage import discard_output, ensure_output, output_failed, sentence
from autograder.errors import GraderError

INTERRUPTED = 130


class LabsGroup(click.Group):
    """Turns wrong usage and the grader's own errors into one sentence, and a signal to stop into an orderly end.

    Exit code 1 for what failed, 2 for a wrong command line, 130 for Ctrl-C.
    """

    def main(self, *arguments: Any, standalone_mode: bool = True, **settings: Any) -> Any:
        run: Callable[[], Any] = functools.partial(
            click.Group.main, self, *arguments, standalone_mode=False, **settings
        )
        if not standalone_mode:
            return run()
        ensure_output()
        try:
            code = run()
            sys.stdout.flush()  # here, where one sentence can still be said of it
        except click.exceptions.NoArgsIsHelpError as nothing_said:
            nothing_said.show()  # the help itself
            sys.exit(nothing_said.exit_code)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else self.name
            _fail(f"{sentence(error)}; see {where} --help", error.exit_code)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except click.Abort:
            click.echo("Stopped.", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            discard_output()
            sys.exit(1)
        except OSError as error:
            if error.filename is not None:  # such as a file in a folder that may not be entered
                _fail(f"{error.filename}: {error.strerror}", 1)
            if not output_failed(error):
                raise
            discard_output()
            _fail(f"standard output cannot be written: {error.strerror}", 1)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, context: click.Context) -> object:
        # The default would leave the workers and their sandboxes to themselves.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, lambda number, frame: sys.exit(128 + number))
        try:
            return super().invoke(context)
        except GraderError as error:
            raise click.ClickException(str(error)) from None


def _fail(said: str, code: int) -> NoReturn:
    click.echo(f"Error: {said}", err=True)
    sys.exit(code)


@click.group("labs", cls=LabsGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Do the labs of the course, and grade them."""
