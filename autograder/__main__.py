"""The ``labs`` command: ``python -m autograder``."""

from __future__ import annotations

from autograder.cli import developer, instructor, learner  # each adds its commands
from autograder.cli.group import main

__all__ = ["developer", "instructor", "learner", "main"]

if __name__ == "__main__":
    main(prog_name="labs")
