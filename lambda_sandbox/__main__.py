"""``python -m lambda_sandbox``: start a sandbox, or look into one that runs."""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 when something failed, 2 for a wrong command line."""
    import click

    from lambda_sandbox.cli import standard_output
    from lambda_sandbox.cli.commands import cli
    from lambda_sandbox.cli.wording import sentence
    from lambda_sandbox.errors import SandboxError

    standard_output.ensure()
    try:
        code = cli.main(arguments, prog_name=_name(), standalone_mode=False)
        sys.stdout.flush()  # here, where one sentence can still be said of it
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        # A group without a command: the message is its help.
        print(asked.format_message())
        return 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else _name()
        return _fail(f"{sentence(error)}; see {where} --help", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 1)
    except SandboxError as error:
        return _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        standard_output.discard()
        return 1
    except OSError as error:
        if error.filename is not None:  # such as a file in a folder that may not be entered
            return _fail(f"{error.filename}: {error.strerror}", 1)
        if not standard_output.failed(error):
            raise
        standard_output.discard()
        return _fail(f"standard output cannot be written: {error.strerror}", 1)
    return code if isinstance(code, int) else 0


def _name() -> str:
    """Return what was typed to start this, so that what is said can be typed again."""
    as_module = Path(sys.argv[0]).parts[-2:] == ("lambda_sandbox", "__main__.py")
    return "python -m lambda_sandbox" if as_module else "lambda-sandbox"


def _fail(said: str, code: int) -> int:
    print(f"lambda_sandbox: {said}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
