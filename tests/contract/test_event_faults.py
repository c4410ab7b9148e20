"""Events through a whole server: what is kept over a kill, what is tried again, and what is told when it cannot be."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.shared_neighbours import shared as shared

Start = Callable[..., Server]
ACCOUNT = "us-east-1:000000000000"
FAIL = "def handler(event, context):\n    raise ValueError('no')\n"
ECHO = "def handler(event, context):\n    return event\n"
POISONED = (
    "def handler(event, context):\n"
    "    bad = [r['messageId'] for r in event['Records'] if r['body'] == 'poison']\n"
    "    return {'batchItemFailures': [{'itemIdentifier': each} for each in bad]}\n"
)


def history(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def until(what: Callable[[], Any], limit_s: float = 60) -> Any:
    """Return the first truthy answer of ``what``, which waits by itself or asks a server."""
    end = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
    return found


def received(server: Server, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (
        server.client("sqs")
        .receive_message(
            QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        .get("Messages", [])
    )
    return messages


def queue(server: Server, name: str, **attributes: str) -> tuple[str, str]:
    url = server.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{ACCOUNT}:{name}"


@pytest.fixture(scope="module")
def fast() -> Iterator[Server]:
    """A server whose minutes are seconds."""
    running = Server("--clock", "scaled:60")
    yield running
    running.stop()


def test_two_retries_after_one_and_two_minutes_take_three_seconds(fast: Server) -> None:
    url, arn = queue(fast, "given-up")
    fast.deploy("fails", FAIL)
    fast.client("lambda").put_function_event_invoke_config(
        FunctionName="fails", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    began = time.monotonic()
    fast.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"n": 1}')
    (message,) = until(lambda: received(fast, url))
    assert 2.9 < time.monotonic() - began < 30
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3


def test_timeouts_of_functions_stay_real_when_waiting_is_fast(fast: Server) -> None:
    fast.deploy(
        "naps", "import time\ndef handler(e, c):\n    time.sleep(0.3)\n    return 'awake'", Timeout=10
    )
    answer = fast.client("lambda").invoke(FunctionName="naps")
    assert answer["Payload"].read() == b'"awake"'


def test_destination_that_does_not_exist_leaves_the_record_in_history(fast: Server) -> None:
    fast.deploy("teller", ECHO)
    fast.client("lambda").put_function_event_invoke_config(
        FunctionName="teller",
        DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:sqs:{ACCOUNT}:never-made"}},
    )
    fast.client("lambda").invoke(FunctionName="teller", InvocationType="Event", Payload=b'{"n": 7}')
    whys = until(lambda: [d["why"] for d in history(fast)["deliveries"] if "never-made" in d["why"]])
    assert "failed: 400" in whys[0]
    assert '"requestPayload": {"n": 7}' in whys[0]


def test_stream_and_its_failures_end_to_end(fast: Server) -> None:
    url, arn = queue(fast, "ranges")
    kinesis = fast.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    fast.deploy(
        "clicked", "def handler(e, c):\n    assert e['Records'][0]['kinesis']['partitionKey'] != 'bad'\n"
    )
    made = fast.client("lambda").create_event_source_mapping(
        FunctionName="clicked",
        EventSourceArn=f"arn:aws:kinesis:{ACCOUNT}:stream/clicks",
        StartingPosition="LATEST",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    kinesis.put_record(StreamName="clicks", PartitionKey="bad", Data=b"x")
    (message,) = until(lambda: received(fast, url))
    assert json.loads(message["Body"])["KinesisBatchInfo"]["batchSize"] == 1
    kinesis.put_record(StreamName="clicks", PartitionKey="good", Data=b"x")
    client = fast.client("lambda")
    until(lambda: client.get_event_source_mapping(UUID=made["UUID"])["LastProcessingResult"] == "OK")
    metrics = history(fast)["mapping_metrics"][made["UUID"]]
    assert (metrics["PolledEventCount"], metrics["OnFailureDestinationDeliveredEventCount"]) == (2, 1)
    assert "DroppedEventCount" not in metrics, "what a destination has is not dropped"


def settled(server: Server, uuid: str, start: str) -> Any:
    """Return the mapping's last result once it begins with ``start``."""
    client = server.client("lambda")

    def result() -> str:
        found: str = client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
        return found if found.startswith(start) else ""

    return until(result)


def mapped(server: Server, function: str, arn: str, **options: Any) -> str:
    made = server.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, **options
    )
    uuid: str = made["UUID"]
    return uuid


def test_poison_message_is_dead_lettered_and_those_beside_it_are_handled(fast: Server) -> None:
    dead_url, dead = queue(fast, "poison-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, arn = queue(fast, "poison", VisibilityTimeout="1", RedrivePolicy=redrive)
    fast.deploy("eats", POISONED, Timeout=1)
    mapped(fast, "eats", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(("good", "poison", "fine"))]
    fast.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    (message,) = until(lambda: received(fast, dead_url))
    assert message["Body"] == "poison"
    until(lambda: left(fast, url) == 0)


@pytest.mark.parametrize(
    "answer",
    [
        "'no failures here'",
        "{'batchItemFailures': 'x'}",
        "{'batchItemFailures': [{'itemIdentifier': 'strange'}]}",
    ],
    ids=["a text", "failures that are no list", "an identifier from elsewhere"],
)
def test_answer_that_is_no_partial_response_leaves_the_whole_batch_in_the_queue(
    fast: Server, answer: str
) -> None:
    name = f"answers-{abs(hash(answer))}"
    url, arn = queue(fast, name, VisibilityTimeout="600")
    fast.deploy(name, f"def handler(event, context):\n    return {answer}\n")
    uuid = mapped(fast, name, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    reason = settled(fast, uuid, "PROBLEM")
    assert "the partial batch response is not valid" in reason
    assert left(fast, url) == 1


def test_queue_that_is_deleted_under_its_mapping_is_read_again_when_it_is_back(fast: Server) -> None:
    url, arn = queue(fast, "fleeting")
    fast.deploy("patient", ECHO)
    uuid = mapped(fast, "patient", arn)
    fast.client("sqs").delete_queue(QueueUrl=url)
    assert "cannot be read" in settled(fast, uuid, "PROBLEM")
    url, _ = queue(fast, "fleeting")
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="again")
    settled(fast, uuid, "OK")
    until(lambda: left(fast, url) == 0)


def test_throttled_function_gets_its_messages_when_it_may_run_again(fast: Server) -> None:
    url, arn = queue(fast, "slow-lane", VisibilityTimeout="1")
    fast.deploy("held", ECHO, Timeout=1)
    client = fast.client("lambda")
    uuid = mapped(fast, "held", arn)
    client.put_function_concurrency(FunctionName="held", ReservedConcurrentExecutions=0)
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="waits")
    assert "throttled" in settled(fast, uuid, "PROBLEM")
    assert left(fast, url) == 1
    client.delete_function_concurrency(FunctionName="held")
    until(lambda: left(fast, url) == 0)


def test_function_that_is_deleted_while_its_mapping_runs_leaves_its_messages(fast: Server) -> None:
    url, arn = queue(fast, "orphaned", VisibilityTimeout="1")
    fast.deploy("goes", ECHO, Timeout=1)
    uuid = mapped(fast, "goes", arn)
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="one")
    settled(fast, uuid, "OK")
    fast.client("lambda").delete_function(FunctionName="goes")
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="two")
    assert "cannot be invoked" in settled(fast, uuid, "PROBLEM")
    fast.deploy("goes", ECHO, Timeout=1)  # the mapping names it by its ARN, and finds it again
    settled(fast, uuid, "OK")
    until(lambda: left(fast, url) == 0)


def left(server: Server, url: str) -> int:
    found = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_function_that_writes_to_its_own_queue_is_stopped(fast: Server) -> None:
    url, arn = queue(fast, "loop", VisibilityTimeout="30")
    source = (
        "import boto3\nclient = boto3.client('sqs')\n"
        f"def handler(e, c):\n    client.send_message(QueueUrl='{url}', MessageBody='again')\n"
    )
    fast.deploy("looper", source, MemorySize=256, Timeout=20)
    fast.client("lambda").create_event_source_mapping(FunctionName="looper", EventSourceArn=arn, BatchSize=1)
    fast.client("sqs").send_message(QueueUrl=url, MessageBody="first")

    def runs() -> list[str]:
        return [i["why"] for i in history(fast)["invocations"] if i["function_name"] == "looper"]

    until(lambda: any(why.startswith("recursion") for why in runs()), 90)
    # The sixteenth sends its message before it has ended, so its record may come after the one that stopped the next.
    until(lambda: sum(not why.startswith("recursion") for why in runs()) >= 16)
    assert sum(not why.startswith("recursion") for why in runs()) == 16


def test_some_events_run_twice_where_that_is_asked_for(start_server: Start) -> None:
    server = start_server(duplicate_events="1.0", seed="7")
    server.deploy("twice", ECHO)
    sent = server.client("lambda").invoke(FunctionName="twice", InvocationType="Event", Payload=b"{}")
    request_id = sent["ResponseMetadata"]["RequestId"]

    def runs() -> list[str]:
        return [i["request_id"] for i in history(server)["invocations"] if i["function_name"] == "twice"]

    until(lambda: len(runs()) == 2)
    assert runs() == [request_id, request_id]


def test_record_on_its_way_survives_a_kill(start_server: Start, tmp_path: Path, shared: str) -> None:
    first = start_server("--state", str(tmp_path), neighbours_socket=str(tmp_path / "nobody.sock"))
    first.deploy("teller", ECHO)
    first.client("lambda").put_function_event_invoke_config(
        FunctionName="teller", DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:sqs:{ACCOUNT}:kept"}}
    )
    first.client("lambda").invoke(FunctionName="teller", InvocationType="Event", Payload=b'{"n": 7}')
    until(lambda: [d for d in history(first)["deliveries"] if "is tried again" in d["why"]])
    first.kill()  # the neighbours never answered, and the event itself is over
    queue(start_server(neighbours_socket=shared), "kept")
    second = start_server("--state", str(tmp_path), neighbours_socket=shared)
    url, _ = queue(second, "kept")
    (message,) = until(lambda: received(second, url))
    assert json.loads(message["Body"])["requestPayload"] == {"n": 7}


def test_tenant_and_identity_of_an_event_survive_a_kill(start_server: Start, tmp_path: Path) -> None:
    first = start_server("--state", str(tmp_path), account_concurrency="1")
    first.deploy("blocks", "import time\ndef handler(e, c):\n    time.sleep(600)", Timeout=900)
    client = first.client("lambda")
    client.invoke(FunctionName="blocks", InvocationType="Event", Payload=b"{}")
    first.deploy(
        "tells",
        "def handler(e, c):\n    print('tenant', c.tenant_id)\n    return 1",
        TenancyConfig={"TenantIsolationMode": "PER_TENANT"},
    )
    client.invoke(FunctionName="tells", InvocationType="Event", Payload=b"{}", TenantId="blue")
    client.delete_function(FunctionName="blocks")
    first.kill()
    second = start_server("--state", str(tmp_path))

    def printed() -> str:
        with urllib.request.urlopen(f"{second.endpoint}/_sandbox/logs?function=tells") as answer:
            return "".join(event["message"] for event in json.load(answer)["events"])

    until(lambda: "tenant" in printed())
    assert "tenant blue" in printed()


def test_other_clock_on_the_same_state_is_refused(start_server: Start, tmp_path: Path) -> None:
    start_server("--state", str(tmp_path), "--clock", "scaled:60").stop()
    with pytest.raises(AssertionError, match="was kept with --clock scaled:60"):
        Server("--state", str(tmp_path))


def test_neighbours_of_somebody_else_are_used_and_left_running(start_server: Start, shared: str) -> None:
    first = start_server(neighbours_socket=shared)
    queue(first, "stays")
    first.kill()
    second = start_server(neighbours_socket=shared)
    assert "stays" in second.client("sqs").list_queues()["QueueUrls"][0]
