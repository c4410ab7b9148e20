"""Honest submissions to the tests' own labs, each in a way that a grader could stumble over. All earn everything."""

from __future__ import annotations

from tests.hostile.submitted import (
    ADD,
    ALL,
    ALL_PLAIN,
    CONNECT,
    FACTS,
    RIGHT,
    WORK,
    Cell,
    Submitted,
    answering,
)


def working(*cells: Cell) -> Submitted:
    """Return a submission to the lab without AWS: its answers, and whatever ``cells`` do before them."""
    return Submitted([*cells, FACTS, WORK], ALL_PLAIN)


_LOGS = """\
import logging, sys, warnings
logging.basicConfig(level="DEBUG")
logging.getLogger("shop").error("a word to stderr")
warnings.warn("careful")
print("to stderr", file=sys.stderr)
print("to stdout")
"""

_GLOBALS = """\
import logging
calls = []

def handler(event, context):
    calls.append(event)
    print('adding', event)
    logging.warning('adding')
    return dict(sum=sum(event[name] for name in ('a', 'b')))
"""

_SLOW_FUNCTION = """\
import time
time.sleep(0.5)
class Adder:
    def __call__(self, event, context):
        time.sleep(0.3)
        return {**{"sum": event["b"]}, "sum": event["a"].__add__(event["b"])}
handler = Adder()
"""

_THREADS = """\
import concurrent.futures, subprocess, sys, threading
thread = threading.Thread(target=print, args=("from a thread",)); thread.start(); thread.join()
with concurrent.futures.ThreadPoolExecutor(4) as pool: print(sum(pool.map(abs, range(100))))
with concurrent.futures.ProcessPoolExecutor(2) as pool: print(sum(pool.map(abs, range(10))))
print(subprocess.run([sys.executable, "-c", "print('a process')"], capture_output=True, text=True, check=True).stdout)
"""

_AWAIT = """\
import asyncio
async def later(value):
    await asyncio.sleep(0.01)
    return value
print(await later(1), await asyncio.gather(later(2), later(3)))
async with asyncio.timeout(5):
    await later(4)
"""

_PLOT = """\
%matplotlib inline
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1, 4, 9], label="größer")
plt.show()
figure
"""

_RICH = """\
from IPython.display import HTML, Markdown, clear_output, display
display(HTML("<b>bold</b>"), Markdown("# title"), {"a": 1})
print("gone"); clear_output(wait=True)
handle = display("first", display_id=True); handle.update("second")
"the last value"
"""

_MAGICS = """\
%time total_of_many = sum(range(1000))
%timeit -n 2 -r 2 sum(range(10))
%load_ext autoreload
%autoreload 0
%xmode Plain
%pwd
print?
files = !ls
!echo from the shell
"""

_NON_ASCII = """\
größe = "naïve Übergrößen · 東京 · עברית · 🦙 · \u202eright to left"
π = 3.14159
print(größe, π)
open("ζ-файл-文件.txt", "w", encoding="utf-8").write(größe)
"""

_FILES = """\
import os, pathlib, tempfile
pathlib.Path("work").mkdir(); os.chdir("work"); os.environ["MY_SETTING"] = "1"
with tempfile.NamedTemporaryFile("w+") as file: file.write("x" * 1_000_000)
pathlib.Path("data.bin").write_bytes(bytes(5_000_000)); os.chdir("..")
"""

_OTHER_WAYS = [
    (
        "facts",
        '"""My facts"""\nfrom math import pi\n\ntotal: int = 0b11  # one and two\nother = flag = True\n',
    ),
    (
        "work",
        "for part in ('cloudberry', 'word', '7f3a91c4'):\n    print(part, end='-' if part != '7f3a91c4' else '\\n')",
    ),
]

_BOTO3_OTHER_WAYS = """\
import boto3, io, zipfile
from lambda_sandbox import connect

sandbox = connect(quiet=True)
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w") as archive:
    archive.writestr("pack/__init__.py", "")
    archive.writestr("pack/adder.py", "def add(event, _):\\n    return {'sum': event['a'] + event['b']}\\n")
client = boto3.session.Session(region_name="us-east-1").client("lambda")
made = client.create_function(FunctionName="add", Runtime="python3.13", Handler="pack/adder.add", Code={"ZipFile": buffer.getvalue()},
                              Role="arn:aws:iam::000000000000:role/x", MemorySize=128, Publish=True, Environment={"Variables": {"SIDE": "1"}})
client.get_waiter("function_active_v2").wait(FunctionName="add")
print([page["Functions"][0]["FunctionName"] for page in client.get_paginator("list_functions").paginate()])
"""

HONEST: dict[str, Submitted] = {
    "plain": working(),
    "with-aws": Submitted([CONNECT, FACTS, ADD], ALL),
    "logs-and-warns": working(_LOGS),
    "logs-and-warns-with-aws": Submitted([CONNECT, FACTS, _LOGS, ADD, "sandbox = connect()"], ALL),
    "function-with-globals-that-prints": Submitted(answering(_GLOBALS), ALL),
    "function-that-is-slow-and-an-object": Submitted(answering(_SLOW_FUNCTION), ALL),
    "function-made-by-other-calls": Submitted([FACTS, CONNECT, ("add", _BOTO3_OTHER_WAYS)], ALL),
    "function-written-by-a-magic": Submitted(
        [CONNECT, "1 / 0", FACTS, f"%%writefile app.py\n{RIGHT}", ("add", "deploy(open('app.py').read())")],
        ALL,
    ),
    "function-deployed-twice": Submitted(
        [
            CONNECT,
            FACTS,
            "deploy('def handler(event, context):\\n    return 1\\n')",
            ("add", f"client.update_function_code(FunctionName='add', ZipFile=package({RIGHT!r}))"),
        ],
        ALL,
    ),
    "globals-between-cells": working("a = 1", "b = 2", "total = a + b", "del a, b", "assert total == 3"),
    "answers-in-other-ways": Submitted([*_OTHER_WAYS], ALL_PLAIN),
    "cells-moved": Submitted([WORK, "x = 1", FACTS], ALL_PLAIN),
    "cells-added": working("", "   \n", "# only a comment", "x = 1;", "x", "_, __, ___", "Out, In[1]"),
    "cell-that-fails": working("undefined_name", "1 / 0", "def f(:\n    pass", "raise Exception('half-way')"),
    "cell-answered-again": Submitted(
        [("facts", "total = 99\nflag = False"), FACTS, WORK], ALL_PLAIN, says="occurs more than once"
    ),
    "magics": working(
        _MAGICS, "%%time\nsum(range(10))", "%%capture held\nprint('x')", "%%bash\necho hello", "%reset -f"
    ),
    "top-level-await": working(_AWAIT),
    "threads-and-processes-that-end": working(_THREADS),
    "plots": working(_PLOT),
    "rich-output": working(_RICH),
    "non-ascii": working(_NON_ASCII),
    "files-of-its-own": working(_FILES),
    "much-output": working("print('x' * 200_000)", "for n in range(2_000): print('line', n)"),
    "takes-its-time": working("import time; time.sleep(3)"),
    "imports-what-there-is": working(
        "import autograder, lambda_sandbox, boto3, botocore, json\nfrom autograder import checks\nchecks.run()"
    ),
    "asks-and-goes-on": working("name = input('Your name? ')", "print('no name')"),
    "name with spaces, commas & ünï-cödé (2)": working(),
}
