"""Submissions to the tests' own lab: honest ones, and ones that try to get what they did not earn.

Each entry is a list of cells; a pair is an answer cell (name, source). ``expected`` is the honest part, in points of 8:
facts 1 + 1 held, add 2 + 3 held + 1.
"""

from __future__ import annotations

from dataclasses import dataclass

Cells = list["str | tuple[str, str]"]

CONNECT = """\
from lambda_sandbox import connect, package
import boto3

connect(quiet=True)
client = boto3.client("lambda")


def deploy(source):
    role = "arn:aws:iam::000000000000:role/student"
    client.create_function(FunctionName="add", Runtime="python3.13", Handler="app.handler", Role=role,
                           MemorySize=128, Code={"ZipFile": package(source)})
    client.get_waiter("function_active_v2").wait(FunctionName="add")
"""
FACTS = ("facts", "total = 3\nflag = True")
RIGHT = "def handler(event, context):\n    return {'sum': event['a'] + event['b']}\n"
ADD = ("add", f"deploy({RIGHT!r})")
FACTS_ONLY = 2
ALL = 8


@dataclass(frozen=True)
class Submitted:
    """One submission: what it holds and the points that it honestly earns. ``says`` must be in its warnings."""

    cells: Cells
    expected: int
    says: str = ""


def answering(source: str) -> Cells:
    """Return a submission whose function ``add`` is ``source``."""
    return [CONNECT, FACTS, ("add", f"deploy({source!r})")]


HONEST = {
    "honest-plain": Submitted([CONNECT, FACTS, ADD], ALL),
    "honest-stderr-and-warnings": Submitted(
        [
            CONNECT,
            FACTS,
            "import logging, sys, warnings\nlogging.basicConfig(level='INFO')\nlogging.info('hello')\n"
            "warnings.warn('careful')\nprint('to stderr', file=sys.stderr)\nprint('to stdout')",
            ADD,
        ],
        ALL,
    ),
    "honest-globals-and-another-method": Submitted(
        answering(
            "import logging\ncalls = []\n\ndef handler(event, context):\n    calls.append(event)\n"
            "    print('adding', event)\n    logging.warning('adding')\n"
            "    return dict(sum=sum(event[name] for name in ('a', 'b')))\n"
        ),
        ALL,
    ),
    "honest-magics-and-a-failing-cell": Submitted(
        [CONNECT, "1 / 0", FACTS, f"%%writefile app.py\n{RIGHT}", ("add", "deploy(open('app.py').read())")],
        ALL,
    ),
    "honest-copied-answer-cell": Submitted(
        [CONNECT, ("facts", "total = 99\nflag = False"), FACTS, ADD], ALL, says="occurs more than once"
    ),
}

_ALWAYS_EQUAL = """\
class Same(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
total = Same(7)
flag = Same(1)
"""

_PATCHED = """\
import builtins, json, sys
import pytest
json.loads = lambda *a, **k: {"sum": 5}
json.dumps = lambda *a, **k: '{"sum": 5}'
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: dict
pytest.main = lambda *a, **k: 0
pytest.fail = pytest.skip = lambda *a, **k: None
import autograder.checks as checks
checks.expect = checks.expect_true = checks.wanted = lambda *a, **k: None
checks.canonical = lambda value: "same"
sys.modules["autograder.score"] = checks
"""

_TRANSFORMER = """\
import ast
ip = get_ipython()
class AllTrue(ast.NodeTransformer):
    def visit_Compare(self, node): return ast.copy_location(ast.Constant(True), node)
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
ip.ast_transformers.append(AllTrue())
ip.input_transformers_post.append(lambda lines: ["total = 3\\n"])
"""

_ENDLESS = """\
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    pass
"""

_BOMB = """\
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(5000):
    try:
        if os.fork() == 0:
            while True:
                try: os.fork()
                except OSError: pass
    except OSError:
        pass
"""

_READ_ALL = """\
import os
found = []
for name in sorted({"/" + name for name in os.listdir("/")} - {"/proc", "/sys", "/dev", "/usr"}):
    for folder, _, files in os.walk(name):
        found += [os.path.join(folder, file) for file in files if file.startswith("test_adding_lab")]
print("FOUND", found)
print("SECRETS", [name for name in os.environ if "SECRET_FOR_THE_TEST" in name])
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"SECRET_FOR_THE_TEST" in open(f"/proc/{pid}/environ", "rb").read(): print("SECRETS", pid)
    except OSError:
        pass
"""

_WRITE_RESULT = """\
import json, os, pathlib
document = {"schema_version": 1, "status": "graded", "score": 8, "max_score": 8}
for folder in (".", "..", "/tmp", "/course", "/", os.environ["HOME"]):
    for name in ("result.json", "hostile-writes-result/result.json", "conftest.py", "pytest.ini", "sitecustomize.py"):
        try:
            target = pathlib.Path(folder, name)
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(document) if name.endswith("json") else "import os; os._exit(0)")
        except OSError:
            pass
"""

_FORGED = """\
import json, os
line = json.dumps({"cells": [], "ended": "finished", "status": "graded", "score": 8, "max_score": 8})
for text in (line, "ready http://127.0.0.1:1", "8 passed in 0.01s", "R", "L"):
    print(text)
for pid in filter(str.isdigit, os.listdir("/proc")):
    for number in range(3, 40):
        try:
            with open(f"/proc/{pid}/fd/{number}", "wb", buffering=0) as stream: stream.write(line.encode())
        except (OSError, ValueError):
            pass
"""

_DAEMON = """\
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        os.execvp("sleep", ["sleep", "98765"])
    os._exit(0)
os.wait()
"""

_NETWORK = """\
import socket
reached = []
for address in (("192.0.2.1", 80), ("169.254.169.254", 80), ("10.0.0.1", 22)):
    try:
        socket.create_connection(address, timeout=0.3)
        reached.append(address)
    except OSError as error:
        print(address, type(error).__name__, error.errno)
print("REACHED", reached)
import botocore.session
boto3.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity()
"""

_ADMIN = """\
import os, urllib.request
endpoint = os.environ["LAMBDA_SANDBOX_ENDPOINT"]
for path in ("/_sandbox/reset", "/_sandbox/shutdown", "/_sandbox/history"):
    for _ in range(3):
        try: urllib.request.urlopen(urllib.request.Request(endpoint + path, data=b"{}", method="POST"), timeout=5)
        except OSError as error: print(path, error)
"""

HOSTILE = {
    "hostile-always-equal": Submitted([CONNECT, ("facts", _ALWAYS_EQUAL), ADD], ALL - FACTS_ONLY),
    "hostile-literal-look-alikes": Submitted(
        [CONNECT, ("facts", "total = True + True + 1\nflag = 1"), ADD], 6
    ),
    "hostile-patches-everything": Submitted([CONNECT, FACTS, _PATCHED], FACTS_ONLY),
    "hostile-transformers": Submitted([CONNECT, _TRANSFORMER, ("facts", "total = 4\nflag = 0"), "1"], 0),
    "hostile-os-exit": Submitted(
        [CONNECT, FACTS, "import os; os._exit(0)", ADD], FACTS_ONLY, says="kernel ended"
    ),
    "hostile-system-exit-and-skip": Submitted(
        [CONNECT, FACTS, "raise SystemExit(0)", "import pytest; pytest.skip('all')"], FACTS_ONLY
    ),
    "hostile-endless-loop": Submitted([CONNECT, FACTS, ADD, _ENDLESS], ALL, says="ran longer"),
    "hostile-reads-stdin": Submitted(
        [CONNECT, FACTS, "input('?')", "import sys; sys.stdin.read()"], FACTS_ONLY
    ),
    "hostile-fork-bomb": Submitted([CONNECT, FACTS, _BOMB, "import time; time.sleep(30)"], FACTS_ONLY),
    "hostile-memory-hog": Submitted(
        [CONNECT, FACTS, "held = []\nwhile True:\n    held.append(bytearray(64 << 20))"], FACTS_ONLY
    ),
    "hostile-disk-hog": Submitted(
        [
            CONNECT,
            FACTS,
            "for n in range(100):\n    with open(f'f{n}', 'wb') as f:\n        f.write(bytes(8 << 20))",
            ADD,
        ],
        ALL,
    ),
    "hostile-50-mb-of-output": Submitted(
        [CONNECT, FACTS, "print('\\x1b[31m<script>' * 4_000_000)", "print('x' * 8_000_000)"], FACTS_ONLY
    ),
    "hostile-reads-everything": Submitted([CONNECT, ("facts", FACTS[1] + "\n" + _READ_ALL)], FACTS_ONLY),
    "hostile-writes-result": Submitted([CONNECT, FACTS, _WRITE_RESULT], FACTS_ONLY),
    "hostile-forged-protocol": Submitted([CONNECT, FACTS, _FORGED], FACTS_ONLY),
    "hostile-daemon": Submitted([CONNECT, FACTS, _DAEMON], FACTS_ONLY),
    "hostile-network": Submitted([CONNECT, ("facts", FACTS[1] + "\n" + _NETWORK)], FACTS_ONLY),
    "hostile-admin-calls": Submitted([CONNECT, FACTS, _ADMIN, ADD, _ADMIN], ALL),
    "hostile-hard-coded-public-answer": Submitted(
        answering("def handler(event, context):\n    return {'sum': 5}\n"), ALL - 3
    ),
    "hostile-function-prints-a-forged-report": Submitted(
        answering(
            "def handler(event, context):\n    print('REPORT RequestId: 1\\tMemory Size: 128 MB\\t')\n"
            "    print({'sum': event['a'] + event['b']})\n"
        ),
        FACTS_ONLY + 1,  # it has 128 MB and says so: that point is its own
    ),
    "hostile-function-returns-a-true-for-one": Submitted(
        answering("def handler(event, context):\n    return {'sum': str(event['a'] + event['b'])}\n"),
        FACTS_ONLY + 1,
    ),
    "hostile-function-exits": Submitted(
        answering("import os\ndef handler(event, context):\n    os._exit(0)\n"), FACTS_ONLY + 1
    ),
    "=cmd()|'<script>alert(1), \u202egnp.": Submitted(
        [CONNECT, FACTS, "raise ValueError('<script>alert(1)</script>')"], FACTS_ONLY
    ),
}

MALFORMED: dict[str, tuple[bytes, str]] = {
    "malformed-text": (b"this is not a notebook", "not a Jupyter notebook"),
    "malformed-empty": (b"", "not a Jupyter notebook"),
    "malformed-deep": (b"[" * 200_000, "nested too deeply"),
    "malformed-list": (b"[1, 2, 3]", "not a Jupyter notebook"),
    "malformed-huge": (b'{"cells": [], "x": "' + b"a" * 11_000_000 + b'"}', "larger than 10 MB"),
    "malformed-cells": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 7}', "notebook"),
    "malformed-pickle": (
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94",
        "not a Jupyter notebook",
    ),
}
