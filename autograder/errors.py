"""What can go wrong while grading, told apart because each ends differently.

GraderError
├── NotANotebook     the submission cannot be read: every check fails, with this sentence as the reason
├── SandboxTooLarge  the submission filled its sandbox's memory: every check fails, with this sentence as the reason
├── NoAnswer         one check has nothing to look at: that check fails
└── GraderFault      ours or the machine's: the submission is "not graded", never 0
    ├── ForkServerLost   nothing of the submission was run: another worker does it
    └── SandboxLost      it is run once more; what happens twice is its own doing, and every check fails
"""

from __future__ import annotations


class GraderError(Exception):
    """Root of the tree; the text is one plain sentence for a person."""


class NotANotebook(GraderError):
    """The file is not a notebook that can be read."""


class SandboxTooLarge(GraderError):
    """The submission's own sandbox held more memory than one may, and was ended."""


class NoAnswer(GraderError):
    """The submission holds no valid answer of that name; ``wanted`` and ``look_at`` are for the learner."""

    def __init__(self, text: str, *, wanted: str = "", look_at: str = "") -> None:
        super().__init__(text)
        self.wanted = wanted
        self.look_at = look_at


class GraderFault(GraderError):
    """A fault of the grader or the machine; its text says what to do next."""


class ForkServerLost(GraderFault):
    """The process that starts notebooks is gone: the submission was not run and can be graded by another."""


class SandboxLost(GraderFault):
    """The submission's own sandbox, which nobody else uses, ended or answers no more."""
