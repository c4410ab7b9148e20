"""What a submission to the tests' own two labs is made of.

``lab`` (with AWS): facts 1 + 1 held, add 2 + 3 held + 1. ``plain_lab`` (without): facts 1 + 1 held, the word 3 held. A
submission is for ``lab`` if it connects to a sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Cell = str | tuple[str, str]
Cells = list[Cell]

CONNECT = """\
from lambda_sandbox import connect, package
import boto3

connect(quiet=True)
client = boto3.client("lambda")


def deploy(source, **settings):
    role = "arn:aws:iam::000000000000:role/student"
    files = source if isinstance(source, bytes) else package(source)
    client.create_function(FunctionName="add", Runtime="python3.13", Handler="app.handler", Role=role,
                           **{"MemorySize": 128, "Code": {"ZipFile": files}, **settings})
    client.get_waiter("function_active_v2").wait(FunctionName="add")
"""
TOTAL_AND_FLAG = "total = 3\nflag = True"
FACTS = ("facts", TOTAL_AND_FLAG)
RIGHT = "def handler(event, context):\n    return {'sum': event['a'] + event['b']}\n"
ADD = ("add", f"deploy({RIGHT!r})")
WORK = ("work", "print('cloudberry-' + 'word-7f3a91c4')")
FACTS_ONLY = 2
MEMORY = 1
"""What a function of 128 MB earns by being there, whatever it answers."""
ALL = 8
ALL_PLAIN = 5
NAMESPACES = "namespaces of its own (bubblewrap)"
FILES = "files held by namespaces or by Landlock"
OWN_NETWORK = "a network of its own, where no sandbox of somebody else is"


@dataclass(frozen=True)
class Submitted:
    """One submission: its cells and the points that it honestly earns; a pair is an answer cell (name, source).

    ``says`` must be in its warnings. ``beside`` are files handed in with the notebook, path to text. ``needs`` is what
    isolation must give for the grader to keep its promise; empty: limits are enough.
    """

    cells: Cells
    expected: int
    says: str = ""
    needs: str = ""
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def aws(self) -> bool:
        """Whether it is for the lab with a sandbox."""
        return CONNECT in self.cells


def plain(*cells: Cell, expected: int = FACTS_ONLY, says: str = "", needs: str = "") -> Submitted:
    """Return a submission to the lab without AWS that has the facts right and whatever ``cells`` do beside."""
    return Submitted([FACTS, *cells], expected, says, needs)


def answering(source: str) -> Cells:
    """Return cells whose function ``add`` is ``source``."""
    return [CONNECT, FACTS, ("add", f"deploy({source!r})")]
