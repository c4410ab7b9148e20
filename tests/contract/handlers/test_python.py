"""Every Python mode gives the documented answers: our client forked and spawned, and unmodified ``awslambdaric``."""

from __future__ import annotations

import base64
import json
import re
import textwrap
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.environments.runtimes import toolchains
from tests.contract.conftest import Server
from tests.contract.handlers import python_cases, python_init_cases, python_process_cases
from tests.contract.handlers.case import Case, Outcome, writes

HOST = f"python{toolchains.host_python().version}"
OTHERS = [f"python3.{minor}" for minor in range(11, 15) if f"python3.{minor}" != HOST]
OTHER = next((name for name in OTHERS if toolchains.find_python(name.removeprefix("python"))), "")
# The client, the runtime, and so whether the interpreter is forked or started.
MODES = {"lean": ("lean", HOST), "other interpreter": ("lean", OTHER), "native": ("native", HOST)}
ALL = [*python_cases.VALUES, *python_cases.ERRORS, *python_process_cases.ALL]
SHARED = """
seen = []

def handler(event, context):
    return globals()[f"case_{context.client_context.custom['case']}"](event, context)

"""
FILES = {
    "sibling.py": "VALUE = 'beside'",
    "python_json.py": 'OWN = "function\'s"',
    "launcher.py": 'OWN = "function\'s"',
    "data.txt": "some data",
    "folder/__init__.py": "",
    "folder/inner.py": "def handler(event, context):\n    return 'deep'",
}


def identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def module(cases: list[Case]) -> str:
    bodies = [
        f"def case_{identifier(case.name)}(event, context):\n{textwrap.indent(case.source, '    ')}\n"
        for case in cases
    ]
    return SHARED + "\n".join(bodies)


class Mode:
    """A server with one client, and the runtime that its functions ask for."""

    def __init__(self, server: Server, runtime: str) -> None:
        self.server = server
        self.runtime = runtime

    def deploy(self, name: str, source: str, **options: Any) -> None:
        values = {"MemorySize": 256, "Timeout": 10, "Runtime": self.runtime, **options}
        self.server.deploy(name, {"app.py": source, **FILES}, **values)

    def run(self, name: str, case: Case) -> Outcome:
        passed = {**case.client_context}
        passed["custom"] = {**passed.get("custom", {}), "case": identifier(case.name)}
        answer = self.server.client("lambda").invoke(
            FunctionName=name,
            Payload=json.dumps(case.event, ensure_ascii=False).encode(),
            LogType="Tail",
            ClientContext=base64.b64encode(json.dumps(passed).encode()).decode(),
        )
        log = base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")
        return Outcome(answer["Payload"].read(), answer.get("FunctionError", ""), log)

    def run_with_init(self, name: str, case: Case) -> Outcome:
        """Run the function's first event; the log begins with what init wrote, which a tail does not show."""
        outcome = self.run(name, case)
        with urllib.request.urlopen(f"{self.server.endpoint}/_sandbox/logs?function={name}") as answer:
            events = json.load(answer)["events"]
        return replace(outcome, log="".join(event["message"] for event in events))


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    client, runtime = MODES[request.param]
    if not runtime:
        pytest.skip(f"this machine has no Python of the runtimes beside {HOST}")
    server = Server(runtime_client=client, neighbours="no", account_concurrency="50")
    running = Mode(server, runtime)
    running.deploy("cases", module(ALL))
    running.deploy("cases-short", module(ALL), Timeout=1)
    yield running
    server.stop()


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_handler_answers_as_documented(mode: Mode, case: Case) -> None:
    case.expected.check(mode.run("cases-short" if "Timeout" in case.options else "cases", case))


@pytest.mark.parametrize("case", python_init_cases.INIT, ids=lambda case: case.name)
def test_what_happens_at_init_is_answered_as_documented(mode: Mode, case: Case) -> None:
    mode.deploy(f"init-{identifier(case.name)}", case.source, **case.options)
    case.expected.check(mode.run_with_init(f"init-{identifier(case.name)}", case))


@pytest.mark.parametrize("case", python_init_cases.JSON_LOGS, ids=lambda case: case.name)
def test_logs_in_json_are_awss(mode: Mode, case: Case) -> None:
    mode.deploy(f"json-{identifier(case.name)}", case.source, **case.options)
    case.expected.check(mode.run(f"json-{identifier(case.name)}", case))


def test_text_is_escaped_to_ascii_before_python_3_12(mode: Mode) -> None:
    case = Case("echo", "def handler(event, context):\n    return event", writes(""), "é")
    for runtime, text in (("python3.11", '"\\u00e9"'), ("python3.12", '"é"')):
        mode.deploy(f"text-{runtime[-2:]}", case.source, Runtime=runtime)
        assert mode.run(f"text-{runtime[-2:]}", case).payload.decode() == text


def test_there_are_as_many_cases_as_promised() -> None:
    names = [case.name for case in (*ALL, *python_init_cases.INIT, *python_init_cases.JSON_LOGS)]
    assert len(names) >= 150
