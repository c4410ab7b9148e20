"""What other programs read, one file a format, each made from the results alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autograder.exports import canvas, feedback, gradescope, junit, lti, moodle, nbgrader
from autograder.gradebook import Gradebook

# Each takes the gradebook and a folder, writes its file or files there, and returns what it wrote.
FORMATS: dict[str, Callable[[Gradebook, Path], list[Path]]] = {
    "nbgrader": nbgrader.write,
    "canvas": canvas.write,
    "moodle": moodle.write,
    "gradescope": gradescope.write,
    "junit": junit.write,
    "lti": lti.write,
    "feedback": feedback.write,
}
