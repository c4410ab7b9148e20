"""Java with what AWS publishes beside the interfaces: event classes, levels of the log, hooks around a snapshot.

The classes under ``java/`` have the shape of the published ones, so that no network is needed.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import ROLE, Server
from tests.contract.handlers.case import Case, Expected, fails, returns, writes
from tests.contract.handlers.running import classes, run, zipped
from tests.contract.prepared_stage import history, invoke, until

__all__ = ["classes"]
LINE = {"name": "ü", "amount": 5, "sizes": {"s": 1}, "colour": "RED"}
STORED = {
    "awsRegion": "us-east-1",
    "eventTime": "1970-01-01T00:00:00.500Z",
    "responseElements": {"xAmzId2": "two", "xAmzRequestId": "one"},
    "s3": {"key": "a+b", "size": 1024},
}
S3 = {
    "Records": [
        {
            **STORED,
            "eventVersion": "2.1",
            "responseElements": {"x-amz-request-id": "one", "x-amz-id-2": "two"},
        }
    ]
}
STREAM = {
    "data": "SGVsbG8=",
    "binaryListValues": ["SGVs", "bG8="],
    "timestamp": "2019-01-02T12:45:07.123Z",
    "streamViewType": "SOMETHING_NEW",
}
RAN = ["before second", "before first", "after first", "after second"]


def _case(name: str, handler: str, expected: Expected, event: Any = None, **options: Any) -> Case:
    return Case(name, "", expected, event, {"Handler": f"cases.Published${handler}", **options})


def _stream(**members: Any) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: value for name, value in {**STREAM, **members}.items()}


JSON_LOG = {"LoggingConfig": {"LogFormat": "JSON"}}
_TIME = r'\{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'
_ID = r'"AWSRequestId":"[0-9a-f-]{36}"\}\n'
CASES = [
    _case("constructors without names", "Events::objects", returns([STORED]), S3),
    _case("no constructor without parameters", "Events::notification", returns("a+b"), S3),
    _case("buffers, joda and seconds", "Events::stream", returns({**STREAM, "approximateCreationDateTime": 1545084650987}), _stream(approximateCreationDateTime=1545084650.987)),
    _case("whole seconds of an event", "Events::stream", returns({**STREAM, "timestamp": "1970-01-01T00:00:10Z", "approximateCreationDateTime": 1479499740000}), _stream(timestamp=10, approximateCreationDateTime=1479499740)),
    _case("whole milliseconds of other classes", "Events::milliseconds", returns(1479499740), {"at": 1479499740}),
    _case("type variable of the superclass", "First", returns(LINE), [LINE]),
    _case("type variable of a member", "Names", returns(["ü", "last"]), {"items": [LINE], "last": {**LINE, "name": "last"}}),
    _case("levels in text", "Levels::write", writes("null", log=r'\n\[DEBUG\] fine\n\[WARN\] say "hi"\nof no level\n\[ERROR\] from anywhere\n')),
    _case("levels in JSON", "Levels::write", writes("null", log=rf'\n{_TIME},"message":"say \\"hi\\"","level":"WARN",{_ID}{_TIME},"message":"of no level","level":"UNDEFINED",{_ID}{_TIME},"message":"from anywhere","level":"ERROR",{_ID}', not_in_log="fine"), **JSON_LOG),
    _case("exception in JSON", "Levels::fail", fails("java.lang.IllegalStateException", "bad", log=rf'\n{_TIME},"message":"bad: java\.lang\.IllegalStateException\\n.*","level":"ERROR",{_ID}'), **JSON_LOG),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    yield running
    running.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_java_with_published_classes(server: Server, classes: dict[str, str | bytes], case: Case) -> None:
    case.expected.check(run(server, "published", "java17", classes, case))


def _publish(server: Server, classes: dict[str, str | bytes], name: str, fails_at: str) -> None:
    server.client("lambda").create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="java17",
        Handler="cases.Published$Hooks",
        Code={"ZipFile": zipped(classes)},
        MemorySize=1769,
        Timeout=10,
        Publish=True,
        SnapStart={"ApplyOn": "PublishedVersions"},
        Environment={"Variables": {"FAILS": fails_at}},
    )


def _has_snapshot(server: Server, name: str) -> bool:
    rows = history(server)["environments"]
    return ("snapshot", name) in [(row["state"], row["function_name"]) for row in rows]


def test_hooks_of_crac_run_around_the_snapshot(server: Server, classes: dict[str, str | bytes]) -> None:
    _publish(server, classes, "hooks", "never")
    until(lambda: _has_snapshot(server, "hooks"))
    returned, _ = invoke(server, "hooks", "1")
    assert returned == RAN
    returned, _ = invoke(server, "hooks", "$LATEST")
    assert returned == [], "without a snapshot there is nothing to run around"


def _log(server: Server, name: str) -> str:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={name}") as answer:
        return "".join(event["message"] for event in json.load(answer)["events"])


def test_a_hook_of_crac_that_fails_before_the_snapshot_fails_the_init(
    server: Server, classes: dict[str, str | bytes]
) -> None:
    _publish(server, classes, "fails-before", "before")
    until(lambda: "INIT_REPORT" in _log(server, "fails-before"))
    log = _log(server, "fails-before")
    assert "\nbefore failed: java.lang.IllegalStateException\n" in log
    assert "Suppressed: java.lang.IllegalStateException: before failed" in log, "the other hook ran, too"
    assert "at JavaClient" not in log
    assert "Status: error" in log


def test_a_hook_of_crac_that_fails_after_the_restore_refuses_the_invocation(
    server: Server, classes: dict[str, str | bytes]
) -> None:
    _publish(server, classes, "fails-after", "after")
    until(lambda: _has_snapshot(server, "fails-after"))
    client = server.client("lambda")
    with pytest.raises(client.exceptions.SnapStartException, match=r"java\.lang\.IllegalStateException"):
        client.invoke(FunctionName="fails-after", Qualifier="1")
