"""What a check that failed tells the learner: wanted, got, look at; and the reason where no comparison was made."""

from __future__ import annotations

import botocore.exceptions
import pytest

from autograder.checks import CheckFailed
from autograder.errors import GraderFault, NoAnswer
from autograder.text import visible

MAX_TEXT = 2_000


class CheckTimeout(BaseException):
    """Not an Exception, so that no check can swallow it."""


def told(failure: BaseException, title: str) -> dict[str, str]:
    """Return ``wanted``, ``got`` and ``look_at`` of what a check titled ``title`` raised, none of them empty, and ``reason``.

    ``reason`` is empty when the check compared and says the rest itself. A fault of the machine is raised on.
    """
    if isinstance(failure, GraderFault):
        raise failure
    if isinstance(failure, CheckFailed):
        texts = (failure.wanted or title, failure.got or '""', failure.look_at or title, "")
    else:
        texts = _explained(failure, title)
    names = ("wanted", "got", "look_at", "reason")
    return {name: visible(text[:MAX_TEXT]) for name, text in zip(names, texts, strict=True)}


def _explained(failure: BaseException, title: str) -> tuple[str, str, str, str]:
    if isinstance(failure, NoAnswer):
        return failure.wanted or title, "nothing that counts", failure.look_at or "the notebook", str(failure)
    if isinstance(failure, CheckTimeout):
        look_at = "what the function waits for, and its timeout"
        return "an answer in time", "none", look_at, "the check waited too long for an answer"
    if isinstance(failure, pytest.skip.Exception):
        return title, "nothing", _OURS, "the check was skipped, which counts as failed"
    if isinstance(failure, botocore.exceptions.ClientError):
        error = failure.response["Error"]
        look_at = "the name in the reason, and the cell that makes what has that name"
        return (
            title,
            error.get("Code", "an error"),
            look_at,
            f"the sandbox answered: {error.get('Message', failure)}",
        )
    if isinstance(failure, AssertionError):
        said = str(failure)
        bare = not said or said.startswith("assert ")
        reason = "the check failed without saying why" if bare else f"the check failed: {said}"
        return title, "something else", _OURS if bare else "the reason", reason
    kind = type(failure).__name__
    look_at = "what your code answers or leaves behind: the check could not read it"
    return (
        title,
        f"an answer that leads to {kind}",
        look_at,
        f"the check could not finish ({kind}: {failure})",
    )


_OURS = "the check itself: tell whoever runs the course"
