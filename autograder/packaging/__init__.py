"""What ``labs package`` makes: a lab's grading, ready for the place where students hand in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autograder.discover import Lab
from autograder.packaging import github, gradescope, jupyterhub

# Each takes the lab and a folder, writes there, and returns what it wrote.
PLACES: dict[str, Callable[[Lab, Path], list[Path]]] = {
    "gradescope": gradescope.write,
    "github": github.write,
    "jupyterhub": jupyterhub.write,
}
