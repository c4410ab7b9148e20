"""What ``--state`` keeps, even through ``kill -9``."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.server_client import ServerClient
from tests.contract.conftest import Server

Start = Callable[..., Server]

BLOCKED_THEN_MARKED = """
import time

def handler(event, context):
    if not event.get("free"):
        time.sleep(600)
    return "ran"
"""


def wait_for_run(server: Server, name: str) -> dict[str, object]:
    """Return the history's record of the function's first finished run; bounded by the test's time limit."""
    while True:
        connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
        connection.request("GET", "/_sandbox/history")
        history = json.loads(connection.getresponse().read())["invocations"]
        connection.close()
        found = [i for i in history if i["function_name"] == name]
        if found:
            record: dict[str, object] = found[0]
            return record
        time.sleep(0.02)


def test_functions_and_code_survive_a_kill(start_server: Start, tmp_path: Path) -> None:
    first = start_server("--state", str(tmp_path))
    first.deploy("kept", "def handler(e, c): return 'still here'", Tags={"team": "shop"})
    first.kill()
    second = start_server("--state", str(tmp_path))
    client = second.client("lambda")
    assert json.loads(client.invoke(FunctionName="kept")["Payload"].read()) == "still here"
    assert client.get_function(FunctionName="kept")["Tags"] == {"team": "shop"}


def test_an_accepted_event_runs_after_a_kill(start_server: Start, tmp_path: Path) -> None:
    first = start_server("--state", str(tmp_path), account_concurrency="1")
    first.deploy("blocked", BLOCKED_THEN_MARKED, Timeout=900)
    client = first.client("lambda")
    client.invoke(FunctionName="blocked", InvocationType="Event", Payload=b'{"free": false}')
    first.deploy("after", "def handler(e, c): return e", Timeout=5)
    # The only unit of concurrency is taken, so this one is accepted and waits.
    accepted = client.invoke(FunctionName="after", InvocationType="Event", Payload=b'{"order": 7}')
    assert accepted["StatusCode"] == 202
    first.kill()
    second = start_server("--state", str(tmp_path))
    record = wait_for_run(second, "after")
    assert (record["status"], record["invocation_type"]) == ("success", "Event")
    assert record["request_id"] == accepted["ResponseMetadata"]["RequestId"]


def test_an_event_that_was_running_when_the_server_died_runs_again(
    start_server: Start, tmp_path: Path
) -> None:
    first = start_server("--state", str(tmp_path))
    first.deploy(
        "twice", "import time\ndef handler(e, c):\n    time.sleep(e['seconds'])\n    return 1", Timeout=30
    )
    first.client("lambda").invoke(FunctionName="twice", InvocationType="Event", Payload=b'{"seconds": 0.5}')
    first.kill()
    second = start_server("--state", str(tmp_path))
    assert wait_for_run(second, "twice")["status"] == "success"


def test_without_state_nothing_is_kept(start_server: Start) -> None:
    first = start_server()
    first.deploy("gone", "def handler(e, c): return 1")
    first.stop()
    second = start_server()
    with pytest.raises(ClientError, match="Function not found"):
        second.client("lambda").get_function(FunctionName="gone")


def test_a_second_server_on_the_same_state_is_told_so(start_server: Start, tmp_path: Path) -> None:
    start_server("--state", str(tmp_path))
    with pytest.raises(AssertionError, match="did not start") as raised:
        Server("--state", str(tmp_path))
    assert "Traceback" not in str(raised.value)


def test_an_alarm_watches_on_after_a_kill(start_server: Start, tmp_path: Path) -> None:
    first = start_server("--clock", "scaled:60", "--state", str(tmp_path))
    watched = {
        "Namespace": "Shop",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    for name in ("kept", "deleted"):
        first.client("cloudwatch").put_metric_alarm(
            AlarmName=name, Tags=[{"Key": "a", "Value": "1"}], **watched
        )
    first.client("cloudwatch").set_alarm_state(AlarmName="kept", StateValue="OK", StateReason="by hand")
    first.client("cloudwatch").delete_alarms(AlarmNames=["deleted"])
    (before,) = first.client("cloudwatch").describe_alarms()["MetricAlarms"]
    first.kill()

    second = start_server("--clock", "scaled:60", "--state", str(tmp_path))
    client = second.client("cloudwatch")
    (after,) = client.describe_alarms()["MetricAlarms"]
    assert after == before
    assert after["StateReason"] == "by hand"
    assert client.list_tags_for_resource(ResourceARN=after["AlarmArn"])["Tags"] == [
        {"Key": "a", "Value": "1"}
    ]
    client.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 1}])
    deadline = time.monotonic() + 30
    while client.describe_alarms()["MetricAlarms"][0]["StateValue"] != "ALARM":
        assert time.monotonic() < deadline, "nobody looks at the alarm"
    kinds = [each["HistoryItemType"] for each in client.describe_alarm_history()["AlarmHistoryItems"]]
    assert sorted(kinds) == ["ConfigurationUpdate", "StateUpdate", "StateUpdate"]
    second.kill()

    third = start_server("--clock", "scaled:60", "--state", str(tmp_path))
    (last,) = third.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert last["StateValue"] == "ALARM"


def test_a_version_whose_snapshot_failed_is_still_failed_after_a_kill(
    start_server: Start, tmp_path: Path
) -> None:
    first = start_server("--state", str(tmp_path))
    snap_start = {"ApplyOn": "PublishedVersions"}
    first.deploy("snapped", "raise ValueError('init is broken')", SnapStart=snap_start, Publish=True)
    client = first.client("lambda")
    while (before := client.get_function_configuration(FunctionName="snapped", Qualifier="1"))[
        "State"
    ] == "Pending":
        time.sleep(0.05)
    assert before["State"] == "Failed"
    first.kill()
    client = start_server("--state", str(tmp_path)).client("lambda")
    after = client.get_function_configuration(FunctionName="snapped", Qualifier="1")
    for member in ("State", "StateReason", "StateReasonCode", "SnapStart"):
        assert after[member] == before[member], member
    with pytest.raises(ClientError, match="following state: Failed"):
        client.invoke(FunctionName="snapped", Qualifier="1")
    assert client.get_function_configuration(FunctionName="snapped")["State"] == "Active"
    client.delete_function(FunctionName="snapped")


def test_a_function_whose_code_is_gone_says_so_and_holds_no_concurrency(
    start_server: Start, tmp_path: Path
) -> None:
    first = start_server("--state", str(tmp_path))
    first.deploy("bare", "def handler(e, c): return 1")
    first.stop()
    shutil.rmtree(tmp_path / "code")
    second = start_server("--state", str(tmp_path), account_concurrency="1")
    second.deploy("whole", "def handler(e, c): return 2")
    client = second.client("lambda")
    assert client.invoke(FunctionName="bare")["FunctionError"] == "Unhandled"
    lines = ServerClient(second.endpoint).read("/_sandbox/logs", function="bare")["events"]
    assert any("is gone from" in line["message"] for line in lines)
    assert client.invoke(FunctionName="whole")["Payload"].read() == b"2"
