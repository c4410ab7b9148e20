"""Answers that claim to be equal to what they are not."""

from __future__ import annotations

from ..submitted import ADD, ALL, CONNECT, FACTS_ONLY, MEMORY, Submitted, answering

_ALWAYS_EQUAL = """\
class Same(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
total = Same(7)
flag = Same(1)
"""

_SUBCLASSED_TEXT = """\
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def strip(self, *_): return self
    def __repr__(self): raise SystemExit
total = Text("3")
flag = Text("True")
"""

# Every cell's text goes through these; what they show is not what the next reader sees.
_LYING_REPR = """\
class Lie:
    def __repr__(self): return self
    def __str__(self): return self
    def _repr_mimebundle_(self, **_): return {"text/plain": self, "x": {1: {2}}}
Lie()
"""

_SAYS_NAN = "def handler(event, context):\n    return {'sum': float('nan')}\n"

_DICT_WITH_EQUAL_KEYS = """\
class Sum(int):
    def __eq__(self, other): return True
    def __repr__(self): return '5'
    __hash__ = int.__hash__
def handler(event, context):
    return {'sum': Sum(0)}
"""

VALUES = {
    "hostile-always-equal": Submitted([("facts", _ALWAYS_EQUAL)], 0),
    "hostile-subclassed-text": Submitted([("facts", _SUBCLASSED_TEXT)], 0),
    "hostile-not-a-number": Submitted([("facts", "total = float('nan')\nflag = 1e999")], 0),
    "hostile-look-alike-literals": Submitted([("facts", "total = True + True + 1\nflag = 1")], 0),
    "hostile-float-for-a-whole-number": Submitted([("facts", "total = 3.0\nflag = 1.0")], 0),
    "hostile-lying-repr": Submitted([("facts", "total = 4\nflag = 0"), ("work", _LYING_REPR)], 0),
    "hostile-keeps-the-right-answer-in-a-comment": Submitted(
        [CONNECT, ("facts", "if False:\n    total = 3\n    flag = True\n# total = 3"), ADD], ALL - FACTS_ONLY
    ),
    "hostile-function-says-nan": Submitted(answering(_SAYS_NAN), FACTS_ONLY),
    "hostile-function-says-text-for-a-number": Submitted(
        answering("def handler(event, context):\n    return {'sum': str(event['a'] + event['b'])}\n"),
        FACTS_ONLY + MEMORY,
    ),
    "hostile-function-says-a-float-for-a-whole-number": Submitted(
        answering("def handler(event, context):\n    return {'sum': float(event['a'] + event['b'])}\n"),
        FACTS_ONLY + MEMORY,
    ),
    "hostile-function-says-a-number-that-is-always-equal": Submitted(
        answering(_DICT_WITH_EQUAL_KEYS), FACTS_ONLY + MEMORY
    ),
    "hostile-hard-coded-public-answer": Submitted(
        answering("def handler(event, context):\n    return {'sum': 5}\n"), ALL - 3
    ),
}
