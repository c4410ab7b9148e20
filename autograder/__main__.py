"""The ``labs`` command: ``python -m autograder``."""

from __future__ import annotations

from autograder.cli import (
    developer,
    export,
    guide,
    instructor,
    learner,
    package,
    watch,
)  # each adds its commands
from autograder.cli.group import main

__all__ = ["developer", "export", "guide", "instructor", "learner", "main", "package", "watch"]

if __name__ == "__main__":
    main(prog_name="labs")
