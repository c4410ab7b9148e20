"""The in-process driver: the core's decisions, with handlers called in this interpreter and time moved by hand."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.notebook import InProcessSandbox, connect, disconnect
from lambda_sandbox.packaging import package


@pytest.fixture
def sandbox() -> Iterator[InProcessSandbox]:
    connected = connect(driver="in_process", quiet=True)
    assert isinstance(connected, InProcessSandbox)
    yield connected
    disconnect()


def create(name: str, source: str, **settings: Any) -> None:
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime=settings.pop("Runtime", "python3.12"),
        Role="arn:aws:iam::000000000000:role/lab",
        Handler="app.handler",
        Code={"ZipFile": package(dedent(source))},
        **settings,
    )


def invoke(name: str, event: Any = None, **settings: Any) -> dict[str, Any]:
    answer = boto3.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **settings)
    answer["Payload"] = answer["Payload"].read()
    return answer


def returned(name: str, event: Any = None, **settings: Any) -> Any:
    return json.loads(invoke(name, event, **settings)["Payload"])


def failure(name: str, event: Any = None) -> dict[str, Any]:
    answer = invoke(name, event)
    assert answer["FunctionError"] == "Unhandled"
    payload: dict[str, Any] = json.loads(answer["Payload"])
    return payload


COUNTER = """
    count = 0
    def handler(event, context):
        global count
        count += 1
        return count
"""


def test_a_handler_gets_the_event_and_its_result_comes_back(sandbox: InProcessSandbox) -> None:
    create("double", "def handler(event, context):\n    return {'twice': event['n'] * 2}\n")
    assert returned("double", {"n": 21}) == {"twice": 42}


def test_second_invoke_reuses_the_warm_environment_and_its_globals(sandbox: InProcessSandbox) -> None:
    create("counter", COUNTER)
    assert [returned("counter"), returned("counter")] == [1, 2]
    assert [row["cold"] for row in sandbox.history().invocations] == [True, False]


def test_a_handler_runs_its_own_event_loop_also_in_an_asynchronous_test(sandbox: InProcessSandbox) -> None:
    function = sandbox.deploy(
        "import asyncio\n"
        "async def double(event):\n    await asyncio.sleep(0)\n    return 2 * event\n"
        "asyncio.run(double(1))\n"
        "def handler(event, context):\n"
        "    if event < 0:\n        raise ValueError('below zero')\n"
        "    return asyncio.run(double(event))\n"
    )

    async def test() -> list[Any]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        async with asyncio.timeout(60):
            values = [function.invoke(21).value, function.invoke(-1).error, function.invoke(4).value]
            await asyncio.sleep(0)
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
        return values

    assert asyncio.run(test()) == [42, "Unhandled", 8]
    assert function.invoke(5).value == 10


def test_new_code_starts_a_new_environment(sandbox: InProcessSandbox) -> None:
    create("counter", COUNTER)
    returned("counter")
    boto3.client("lambda").update_function_code(
        FunctionName="counter", ZipFile=package("def handler(event, context):\n    return 'new'\n")
    )
    assert returned("counter") == "new"


def test_two_functions_with_modules_of_one_name_do_not_meet(sandbox: InProcessSandbox) -> None:
    create("first", COUNTER)
    create("second", COUNTER)
    assert [returned("first"), returned("first"), returned("second"), returned("first")] == [1, 2, 1, 3]
    assert "app" not in sys.modules


def test_a_module_that_a_handler_imports_late_stays_its_own_and_the_notebook_s_of_that_name_is_untouched(
    sandbox: InProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks = ModuleType("berry")
    monkeypatch.setitem(sys.modules, "berry", notebooks)
    create("late", COUNTER)
    count = "count = 0\ndef next_one():\n    global count\n    count += 1\n    return count\n"
    sources = {"app.py": "def handler(event, context):\n    import berry\n    return berry.next_one()\n"}
    code = package({**sources, "berry.py": count})
    boto3.client("lambda").update_function_code(FunctionName="late", ZipFile=code)
    assert [returned("late"), returned("late"), returned("late")] == [1, 2, 3]
    assert sys.modules["berry"] is notebooks


def test_an_idle_environment_is_gone_after_its_lifetime(sandbox: InProcessSandbox) -> None:
    create("counter", COUNTER)
    returned("counter")
    sandbox.advance(301)
    assert returned("counter") == 1
    assert sandbox.history().environments[0]["stop_reason"] == "idle for 300 s"


def test_an_exception_answers_with_the_payload_of_pythons_runtime(sandbox: InProcessSandbox) -> None:
    create("bad", "def handler(event, context):\n    raise ValueError('no such fruit')\n")
    payload = failure("bad")
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no such fruit")
    assert payload["stackTrace"] == [
        "  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('no such fruit')\n"
    ]
    assert "[ERROR] ValueError: no such fruit" in str(sandbox.logs("bad"))


def test_an_environment_lives_through_an_exception(sandbox: InProcessSandbox) -> None:
    create(
        "moody",
        """
        count = 0
        def handler(event, context):
            global count
            count += 1
            if count == 1:
                raise ValueError("first")
            return count
        """,
    )
    failure("moody")
    assert returned("moody") == 2


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("import no_such_module\ndef handler(event, context): pass\n", "Runtime.ImportModuleError"),
        ("def handler(event, context)\n    pass\n", "Runtime.UserCodeSyntaxError"),
        ("def other(event, context): pass\n", "Runtime.HandlerNotFound"),
        ("1 / 0\ndef handler(event, context): pass\n", "ZeroDivisionError"),
        ("def handler(event, context):\n    return {1, 2}\n", "Runtime.MarshalError"),
        ("import sys\ndef handler(event, context):\n    sys.exit(3)\n", "Runtime.ExitError"),
    ],
    ids=["import error", "syntax error", "no handler", "error at import", "set is no JSON", "exit"],
)
def test_each_failure_has_the_error_type_of_aws(
    sandbox: InProcessSandbox, source: str, error_type: str
) -> None:
    create("broken", source)
    assert failure("broken")["errorType"] == error_type


def test_a_handler_that_exits_starts_the_next_event_with_init(sandbox: InProcessSandbox) -> None:
    create(
        "leaver",
        """
        import sys
        count = 0
        def handler(event, context):
            global count
            count += 1
            if event == "leave":
                sys.exit(0)
            return count
        """,
    )
    assert returned("leaver", "stay") == 1
    assert failure("leaver", "leave")["errorMessage"].endswith("Runtime exited without providing a reason")
    assert returned("leaver", "stay") == 1


def test_sleeping_moves_the_clock_and_nobody_waits(sandbox: InProcessSandbox) -> None:
    create("sleeper", "import time\ndef handler(event, context):\n    time.sleep(2)\n")
    started = time.perf_counter()
    invoke("sleeper")
    assert time.perf_counter() - started < 2
    assert 2000 <= sandbox.bill().rows[0]["duration_ms"] < 3000


def test_sleeping_past_the_timeout_ends_the_invocation(sandbox: InProcessSandbox) -> None:
    create("sleeper", "import time\ndef handler(event, context):\n    time.sleep(60)\n", Timeout=4)
    payload = failure("sleeper")
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Task timed out after 4.00 seconds")
    row = sandbox.history().invocations[0]
    assert (row["status"], row["duration_ms"]) == ("timeout", 4000.0)


def test_remaining_time_shrinks_with_the_clock(sandbox: InProcessSandbox) -> None:
    create(
        "watcher",
        """
        import time
        def handler(event, context):
            before = context.get_remaining_time_in_millis()
            time.sleep(1)
            return [before, context.get_remaining_time_in_millis()]
        """,
        Timeout=10,
    )
    before, after = returned("watcher")
    assert 9000 < before <= 10_000
    assert 1000 <= before - after < 2000


def test_the_context_and_the_variables_are_those_of_the_function(sandbox: InProcessSandbox) -> None:
    create(
        "who",
        """
        import os
        def handler(event, context):
            return [context.function_name, context.memory_limit_in_mb, context.invoked_function_arn,
                    context.aws_request_id, os.environ["STAGE"], "HOME" in os.environ]
        """,
        MemorySize=256,
        Environment={"Variables": {"STAGE": "lab"}},
    )
    answer = invoke("who")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:who"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert json.loads(answer["Payload"]) == ["who", "256", arn, request_id, "lab", False]
    assert "STAGE" not in os.environ


def test_printed_lines_go_to_the_log_between_start_and_report(
    sandbox: InProcessSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    create(
        "talker",
        """
        import logging
        def handler(event, context):
            print("hello")
            logging.getLogger().warning("careful")
        """,
    )
    answer = invoke("talker", LogType="Tail")
    tail = b64decode(answer["LogResult"]).decode()
    kinds = [line.split()[0].strip("[]") for line in tail.splitlines()]
    own = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    said = ["SANDBOX"] if own != "python3.12" else []  # another version stands in
    assert kinds == ["START", "hello", "WARNING", "END", "REPORT", *said]
    assert "Init Duration" in tail
    assert capsys.readouterr().out == ""


def test_an_event_invoke_is_accepted_and_runs_when_asked(sandbox: InProcessSandbox) -> None:
    create("later", "def handler(event, context):\n    print('ran with', event)\n")
    assert invoke("later", 7, InvocationType="Event")["StatusCode"] == 202
    assert "ran with" not in str(sandbox.logs("later"))
    sandbox.run_until_idle()
    assert "ran with 7" in str(sandbox.logs("later"))


def test_a_failed_event_is_tried_three_times_one_and_two_minutes_apart(sandbox: InProcessSandbox) -> None:
    create("never", "def handler(event, context):\n    raise RuntimeError\n")
    invoke("never", InvocationType="Event")
    sandbox.advance(59)
    assert len(sandbox.history().invocations) == 1
    sandbox.advance(2)
    assert len(sandbox.history().invocations) == 2
    sandbox.advance(3600)
    rows = sandbox.history().invocations
    assert [row["attempt"] for row in rows] == [1, 2, 3]
    waits = [later["started_at"] - earlier["ended_at"] for earlier, later in pairwise(rows)]
    assert waits == pytest.approx([60, 120], abs=0.001)


def test_a_function_can_invoke_another_function(sandbox: InProcessSandbox) -> None:
    create("inner", COUNTER)
    create(
        "outer",
        """
        import boto3
        count = 100
        def handler(event, context):
            answer = boto3.client("lambda").invoke(FunctionName="inner", Payload=b"{}")
            return [count, int(answer["Payload"].read())]
        """,
    )
    assert [returned("outer"), returned("outer")] == [[100, 1], [100, 2]]


def test_a_handler_reads_and_writes_a_table(sandbox: InProcessSandbox) -> None:
    boto3.client("dynamodb").create_table(
        TableName="Orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    create(
        "order",
        """
        import boto3
        table = boto3.resource("dynamodb").Table("Orders")
        def handler(event, context):
            table.put_item(Item={"id": event["id"], "total": 3})
            return table.get_item(Key={"id": event["id"]})["Item"]
        """,
    )
    assert returned("order", {"id": "7"}) == {"id": "7", "total": 3}


def test_code_can_come_from_a_bucket(sandbox: InProcessSandbox) -> None:
    bucket = boto3.client("s3")
    bucket.create_bucket(Bucket="packages")
    bucket.upload_fileobj(
        io.BytesIO(package("def handler(event, context):\n    return 's3'\n")), "packages", "a.zip"
    )
    boto3.client("lambda").create_function(
        FunctionName="fetched",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/lab",
        Handler="app.handler",
        Code={"S3Bucket": "packages", "S3Key": "a.zip"},
    )
    assert returned("fetched") == "s3"


def test_neighbours_and_functions_share_the_account(sandbox: InProcessSandbox) -> None:
    url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    answer = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    assert answer["Attributes"]["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:orders"


def test_a_client_made_before_connect_is_answered_too() -> None:
    early = boto3.client("lambda", "us-east-1", aws_access_key_id="0" * 12, aws_secret_access_key="x")
    connect(driver="in_process", quiet=True)
    try:
        assert early.list_functions()["Functions"] == []
    finally:
        disconnect()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: c.invoke(FunctionName="missing"), "ResourceNotFoundException"),
        (lambda c: c.invoke(FunctionName="echo", Payload=b"{not json"), "InvalidRequestContentException"),
        (lambda c: c.create_event_source_mapping(FunctionName="echo"), "NotImplementedException"),
    ],
    ids=[
        "unknown function",
        "payload is no JSON",
        "event source mapping",
    ],
)
def test_what_cannot_be_done_is_refused_with_a_code(sandbox: InProcessSandbox, call: Any, code: str) -> None:
    create("echo", "def handler(event, context):\n    return event\n")
    with pytest.raises(ClientError) as raised:
        call(boto3.client("lambda"))
    assert raised.value.response["Error"]["Code"] == code


def test_a_service_that_nobody_emulates_is_named(sandbox: InProcessSandbox) -> None:
    with pytest.raises(SandboxFault, match="does not emulate"):
        boto3.client("gamelift").list_builds()


def test_reset_leaves_nothing(sandbox: InProcessSandbox) -> None:
    create("counter", COUNTER)
    returned("counter")
    boto3.client("sqs").create_queue(QueueName="orders")
    sandbox.reset()
    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert "QueueUrls" not in boto3.client("sqs").list_queues()
    assert sandbox.history().invocations == []
    assert list(sandbox.logs()) == []


def test_isolation_says_that_timeouts_and_memory_are_not_enforced(sandbox: InProcessSandbox) -> None:
    isolation = sandbox.isolation
    assert isolation.level == "in_process"
    assert isolation.enforced == ()
    assert any("timeouts" in each for each in isolation.missing)
    assert any("memory" in each for each in isolation.missing)


def test_the_driver_loads_no_server_library_and_starts_no_thread_process_or_connection() -> None:
    script = """
        import sys, threading
        import boto3, urllib3  # urllib3 tries out IPv6 when it is loaded
        def hook(event, args):
            if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.posix_spawn"):
                seen.append((event, args))
        seen = []
        sys.addaudithook(hook)
        from lambda_sandbox import connect, package
        connect(driver="in_process", quiet=True)
        sys.platform = "emscripten"  # as in the browser, where packages are not compiled ahead
        client = boto3.client("lambda")
        client.create_function(FunctionName="f", Runtime="python3.12", Role="arn:aws:iam::000000000000:role/lab",
                               Handler="app.handler", Code={"ZipFile": package("def handler(e, c): return 1\\n")})
        print(client.invoke(FunctionName="f")["Payload"].read().decode(), seen, threading.active_count(),
              sorted({"uvloop", "httptools", "asyncio", "moto"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1 [] 1 []\n", "")


def test_provisioned_environments_are_ready_at_once_and_serve_without_init(sandbox: InProcessSandbox) -> None:
    create(
        "kept",
        "import os\nkind = os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\ndef handler(e, c):\n    return kind\n",
    )
    client = boto3.client("lambda")
    version = client.publish_version(FunctionName="kept")["Version"]
    client.put_provisioned_concurrency_config(
        FunctionName="kept", Qualifier=version, ProvisionedConcurrentExecutions=2
    )
    status = client.get_provisioned_concurrency_config(FunctionName="kept", Qualifier=version)
    assert (status["Status"], status["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 2)
    assert returned("kept", Qualifier=version) == "provisioned-concurrency"
    [row] = sandbox.history()["invocations"]
    assert (row["cold"], row["init_duration_ms"]) == (False, None)


def test_a_version_with_snap_start_is_initialised_at_publish(sandbox: InProcessSandbox) -> None:
    source = "import time\ntime.sleep(2)\ndef handler(e, c):\n    return 1\n"
    create("snap", source, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    assert returned("snap", Qualifier="1") == 1
    [report] = [line for line in sandbox.logs("snap") if line.startswith("REPORT RequestId")]
    assert "\tRestore Duration: 0.00 ms" in report
    assert "Init Duration" not in report


def test_an_event_is_tried_again_as_its_alias_is_configured(sandbox: InProcessSandbox) -> None:
    create("boom", "def handler(e, c):\n    raise ValueError\n", Publish=True)
    client = boto3.client("lambda")
    client.create_alias(FunctionName="boom", Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName="boom", Qualifier="live", MaximumRetryAttempts=0)
    invoke("boom", InvocationType="Event", Qualifier="live")
    sandbox.advance(600)
    assert len(sandbox.history()["invocations"]) == 1


def test_a_function_with_layers_is_refused_since_there_is_no_opt(sandbox: InProcessSandbox) -> None:
    layer = boto3.client("lambda").publish_layer_version(
        LayerName="tools", Content={"ZipFile": package({"python/tool.py": "X = 1"})}
    )
    create("layered", "def handler(event, context):\n    pass\n", Layers=[layer["LayerVersionArn"]])
    with pytest.raises(ClientError, match="has no /opt to mount layers in; use the server driver"):
        boto3.client("lambda").invoke(FunctionName="layered")


def test_a_durable_function_is_refused_since_it_has_nowhere_to_checkpoint_to(
    sandbox: InProcessSandbox,
) -> None:
    create("lasting", "def handler(event, context):\n    pass\n", DurableConfig={"ExecutionTimeout": 60})
    client = boto3.client("lambda")
    with pytest.raises(
        ClientError, match="that a durable function could checkpoint to; use the server driver"
    ):
        client.invoke(FunctionName="lasting", Qualifier="$LATEST")
    assert client.list_durable_executions_by_function(FunctionName="lasting")["DurableExecutions"] == []


def test_iam_cannot_be_enforced_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_SANDBOX_ENFORCE_IAM", "1")
    with pytest.raises(SandboxFault, match="cannot enforce IAM; use the server driver"):
        connect(driver="in_process", quiet=True)
    disconnect()


def test_log_type_that_is_none_is_refused_and_an_accepted_event_ran_nothing_yet(
    sandbox: InProcessSandbox,
) -> None:
    create("quote", "def handler(event, context):\n    return 42\n")
    with pytest.raises(ClientError, match=r"at 'logType' .* enum value set: \[None, Tail\]"):
        invoke("quote", LogType="tail")
    assert "LogResult" not in invoke("quote", LogType="None")
    assert "ExecutedVersion" not in invoke("quote", InvocationType="Event")


def test_another_version_than_this_interpreters_is_said_in_configuration_and_report(
    sandbox: InProcessSandbox,
) -> None:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    other = next(name for name in ("python3.13", "python3.12") if name != f"python{own}")
    create("other", "def handler(event, context):\n    return 1\n", Runtime=other)
    said = f"{other} runs on Python {own}: the in_process driver has no other."
    shown = boto3.client("lambda").get_function_configuration(FunctionName="other")
    assert shown["RuntimeVersionConfig"]["Error"]["Message"] == said
    log = b64decode(invoke("other", LogType="Tail")["LogResult"]).decode()
    assert log.endswith(f"\nSANDBOX Runtime: {said}\t\n")
