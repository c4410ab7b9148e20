"""Grades one submission that looks about, and prints as JSON what it found: ``python -m tests.hostile.graded_here FOLDER SECRET``.

A program of its own, so that ``lesser.py`` can start it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

from autograder.isolation import best_isolation, whole_isolation
from autograder.limits import Limits
from autograder.workers import grade_all

from .batch import hand_in, jobs_of
from .submitted import CONNECT, FACTS, Submitted

# The folder of the class, a file that is nobody's business, and what a function may spoil for the next one.
LOOKS = """\
import json, os
def tried(what, *given):
    try: return what(*given)
    except OSError: return None
def look():
    others = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if int(pid) != os.getpid()]
    graders = [pid for pid in others if (tried(lambda: open(f"/proc/{{pid}}/comm").read()) or "").startswith("labs-")]
    scripts = [os.environ.get("LAMBDA_RUNTIME_DIR", "/nowhere") + "/launcher.py"]  # starts the next environment
    return {{
        "secret": tried(lambda: open({secret!r}).read()),
        "class": tried(os.listdir, os.path.dirname({secret!r})),
        "memory": [pid for pid in graders if tried(lambda: open(f"/proc/{{pid}}/mem", "rb").close() or True)],
        "variables": [pid for pid in graders if tried(lambda: open(f"/proc/{{pid}}/environ", "rb").read())],
        "descriptors": [pid for pid in graders for name in tried(os.listdir, f"/proc/{{pid}}/fd") or []
                        if tried(os.open, f"/proc/{{pid}}/fd/{{name}}", os.O_RDWR | os.O_NONBLOCK)],
        "scripts": [path for path in scripts if tried(lambda: open(path, "a").close() or True)],
        "written": tried(lambda: open({secret!r} + "-written", "x").close() or True),
    }}
"""
FUNCTION = "\ndef handler(event, context):\n    return {'sum': json.dumps(look())}\n"
ASKS = "print(json.loads(client.invoke(FunctionName='add', Payload=b'{\"a\": 1, \"b\": 1}')['Payload'].read())['sum'])"


def main(folder: Path, secret: str, promised: bool) -> None:
    looks = LOOKS.format(secret=secret)
    cells = [CONNECT, ("add", f"deploy({looks + FUNCTION!r}, Timeout=30)")]
    facts = (FACTS[0], FACTS[1] + "\nimport json\n" + ASKS + "\n" + looks + "print(json.dumps(look()))")
    hand_in(folder, {"looks": Submitted([*cells, facts], 2)})
    isolation = best_isolation().with_functions(True) if promised else whole_isolation()
    [result] = grade_all(jobs_of(folder, ["looks"], isolation, Limits()))
    shown = [check.got for check in result.checks if check.id == "test_shows_what_it_printed"]
    held = dataclasses.asdict(isolation) | {"level": isolation.level}
    said = {"isolation": held, "result": result.to_json(), "shown": shown, "errors": result.cell_errors}
    print(json.dumps(said))


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["promised"])
