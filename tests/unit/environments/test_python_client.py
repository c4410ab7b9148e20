"""Our client and unmodified awslambdaric give the same answers; both run in real processes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.resources import Exit
from tests.isolation.stage import Stage, stage

CLIENTS = ["lean", "native"]
Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.fixture(params=CLIENTS)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)

    def run(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with stage(tmp_path, "auto", request.param) as on_stage:
                await scene(on_stage)

        asyncio.run(main())

    return run


async def log_of(on_stage: Stage, source: str, event: Any = None, **members: Any) -> str:
    environment_id = on_stage.start(source, **members)
    await on_stage.send(environment_id, event)
    await on_stage.answer(environment_id)
    return on_stage.logs[environment_id].decode()


def test_the_context_has_awss_attributes(play: Play) -> None:
    source = """
        def handler(event, context):
            return {
                "id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
                "version": context.function_version, "memory": context.memory_limit_in_mb,
                "group": context.log_group_name, "stream": context.log_stream_name[-30:],
                "left": context.get_remaining_time_in_millis(), "custom": context.client_context.custom,
                "title": context.client_context.client.app_title, "identity": context.identity.cognito_identity_id,
            }
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, memory_mb=256)
        passed = json.dumps({"custom": {"a": "b"}, "client": {"app_title": "app"}})
        request_id = await on_stage.send(environment_id, {}, context=passed, timeout_s=20)
        answer = await on_stage.answer(environment_id)
        assert isinstance(answer, dict)
        found = json.loads(answer["result"])
        assert 10_000 < found.pop("left") <= 20_000
        assert found.pop("stream").endswith(f"[$LATEST]{environment_id}")
        assert found == {
            "id": request_id,
            "arn": "arn:aws:lambda:eu-west-1:123456789012:function:demo",
            "name": "demo",
            "version": "$LATEST",
            "memory": "256",
            "group": "/aws/lambda/demo",
            "custom": {"a": "b"},
            "title": "app",
            "identity": None,
        }

    play(scene)


def test_an_exception_is_reported_and_the_environment_lives_on(play: Play) -> None:
    source = """
        calls = 0
        def deeper():
            raise ValueError("no good")
        def handler(event, context):
            global calls
            calls += 1
            if event == "fail":
                deeper()
            return calls
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source)
        request_id = await on_stage.send(environment_id, "fail")
        answer = await on_stage.answer(environment_id)
        assert isinstance(answer, dict)
        error = answer["error"]
        assert answer["error_type"] in ("ValueError", "")  # awslambdaric names it in the payload only
        assert (error["errorType"], error["errorMessage"], error["requestId"]) == (
            "ValueError",
            "no good",
            request_id,
        )
        assert len(error["stackTrace"]) == 2
        assert re.match(
            r'  File "/var/task/app\.py", line \d+, in handler\n    deeper\(\)\n', error["stackTrace"][0]
        )
        assert await on_stage.invoke(environment_id) == 2
        log = on_stage.logs[environment_id].decode()
        assert log.startswith(
            "[ERROR] ValueError: no good\rTraceback (most recent call last):\r\u00a0\u00a0File "
        )

    play(scene)


@pytest.mark.parametrize(
    ("files", "handler", "type_", "message"),
    [
        pytest.param({"a.py": ""}, "app.handler", "Runtime.ImportModuleError",
                     "Unable to import module 'app': No module named 'app'", id="the module is missing"),
        pytest.param({"app.py": "import requests_"}, "app.handler", "Runtime.ImportModuleError",
                     "Unable to import module 'app': No module named 'requests_'", id="an import of the module is missing"),
        pytest.param({"app.py": ""}, "app.handler", "Runtime.HandlerNotFound",
                     "Handler 'handler' missing on module 'app'", id="the function is missing"),
        pytest.param({"app.py": ""}, "app", "Runtime.MalformedHandlerName",
                     "Bad handler 'app': not enough values to unpack (expected 2, got 1)", id="the name has no dot"),
        pytest.param({"app.py": "def broken(:\n"}, "app.handler", "Runtime.UserCodeSyntaxError",
                     "Syntax error in module 'app': invalid syntax (app.py, line 1)", id="the module does not parse"),
        pytest.param({"app.py": "1 / 0"}, "app.handler", "ZeroDivisionError", "division by zero", id="the module raises"),
        pytest.param({"a.py": ""}, "sys.handler", "Runtime.BuiltInModuleConflict",
                     "Cannot use built-in module sys as a handler module", id="the module is built in"),
    ],
)  # fmt: skip
def test_a_failed_init_is_posted_and_the_process_exits_1(
    play: Play, files: dict[str, str], handler: str, type_: str, message: str
) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(files, handler=handler)
        assert await on_stage.ended(environment_id) == Exit(code=1)
        (posted,) = on_stage.init_errors
        assert posted["error_type"] == type_
        assert (posted["error"]["errorType"], posted["error"]["errorMessage"]) == (type_, message)
        assert posted["error"]["requestId"] == ""
        assert f"[ERROR] {type_}: {message}" in on_stage.logs[environment_id].decode()

    play(scene)


@pytest.mark.parametrize("handler", ["pkg/deep/app.handler", "pkg.deep.app.handler"])
def test_the_handler_may_be_in_a_nested_module(play: Play, handler: str) -> None:
    files = {"pkg/__init__.py": "", "pkg/deep/__init__.py": "", "pkg/deep/app.py": "handler = lambda e, c: e"}

    async def scene(on_stage: Stage) -> None:
        assert await on_stage.run(files, [1], handler=handler) == [1]

    play(scene)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("None", b"null", id="nothing"),
        pytest.param("'ü'", '"ü"'.encode(), id="text outside ASCII stays as it is"),
        pytest.param("decimal.Decimal('1.10')", b"1.10", id="a Decimal is a number, digit for digit"),
        pytest.param("b'raw'", b"raw", id="bytes pass unchanged"),
        pytest.param("{'a': (1, 2.5, True)}", b'{"a": [1, 2.5, true]}', id="nested"),
    ],
)
def test_results_are_marshalled(play: Play, expression: str, expected: bytes) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(
            f"import decimal\ndef handler(event, context):\n    return {expression}\n"
        )
        await on_stage.send(environment_id)
        answer = await on_stage.answer(environment_id)
        assert isinstance(answer, dict)
        assert answer["result"] == expected

    play(scene)


def test_a_result_that_is_not_json_is_a_marshal_error(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        failure = await on_stage.fail("def handler(event, context):\n    return {1, 2}\n")
        assert isinstance(failure, dict)
        assert failure["error"]["errorType"] == "Runtime.MarshalError"
        assert failure["error"]["errorMessage"] == (
            "Unable to marshal response: Object of type set is not JSON serializable"
        )

    play(scene)


def test_log_records_have_awss_format(play: Play) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.getLogger().setLevel("INFO")
            logging.getLogger("mine").info("one %s", 1)
            logging.debug("not this")
            print("plain")
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source)
        request_id = await on_stage.send(environment_id)
        await on_stage.answer(environment_id)
        log = on_stage.logs[environment_id].decode()
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        assert re.fullmatch(rf"\[INFO\]\t{stamp}\t{request_id}\tone 1\nplain\n", log), log

    play(scene)


def test_json_logs_carry_the_request_id(play: Play) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.getLogger().info({"a": 1}, extra={"order": 7})
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, log_format="JSON")
        request_id = await on_stage.send(environment_id)
        await on_stage.answer(environment_id)
        entry = json.loads(on_stage.logs[environment_id])
        assert entry.pop("timestamp")[-1] == "Z"
        expected = {
            "level": "INFO",
            "message": {"a": 1},
            "logger": "root",
            "requestId": request_id,
            "order": 7,
        }
        assert entry == expected

    play(scene)


def test_all_that_was_printed_is_in_the_pipe_before_the_answer(play: Play) -> None:
    source = """
        import sys
        def handler(event, context):
            for number in range(2000):
                print(number)
            print("error", file=sys.stderr)
            print("no newline", end="")
    """

    async def scene(on_stage: Stage) -> None:
        log = await log_of(on_stage, source)
        assert log == "".join(f"{number}\n" for number in range(2000)) + "error\nno newline"

    play(scene)


def test_the_trace_id_of_the_event_is_in_the_environment(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        source = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
        assert await on_stage.run(source) == "Root=1-2-3"

    play(scene)


@pytest.mark.parametrize("play", ["lean"], indirect=True)
def test_a_function_that_closes_what_it_does_not_know_goes_on(play: Play) -> None:
    """AWS's own client posts its answer, and hangs where it would ask for the next event."""
    source = """
        import os
        def handler(event, context):
            os.closerange(3, 62 if event == 2 else 1024)
            os.environ.clear()
            files = [open(f"/tmp/{number}", "w+") for number in range(9)]
            written = [file.read() for file in files]
            kept.append(files)
            return "x" * event, written
        kept = []
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, memory_mb=256)
        for size in (1, 100_000, 2, 3):
            assert await on_stage.invoke(environment_id, size) == ["x" * size, [""] * 9]

    play(scene)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("sys.exit(3)", Exit(code=3), id="sys.exit with a status"),
        pytest.param("sys.exit()", Exit(code=0), id="sys.exit"),
        pytest.param("os._exit(7)", Exit(code=7), id="os._exit"),
        pytest.param("os.kill(os.getpid(), 9)", Exit(signal=9), id="killed by itself"),
        pytest.param("os.abort()", Exit(signal=6), id="aborted"),
    ],
)
def test_the_end_of_the_process_is_told(play: Play, statement: str, expected: Exit) -> None:
    async def scene(on_stage: Stage) -> None:
        source = f"import os, sys\ndef handler(event, context):\n    print('last words')\n    {statement}\n"
        environment_id = on_stage.start(source)
        await on_stage.send(environment_id)
        assert await on_stage.answer(environment_id) == expected
        assert on_stage.logs[environment_id].startswith(b"last words\n")

    play(scene)


def test_six_megabytes_go_through_in_both_directions(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        text = "x" * (6 << 20)
        assert await on_stage.run("handler = lambda event, context: event", text, memory_mb=512) == text

    play(scene)
