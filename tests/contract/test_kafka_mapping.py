"""Mappings of Kafka topics: refused without a broker, and read from one; librdkafka brings a broker of its own for tests."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.event_sources.mappings import Mappings
from lambda_sandbox.resources import EventSourceMapping, KafkaSettings
from lambda_sandbox.services.neighbours import Neighbours
from tests.contract.conftest import Server
from tests.contract.mapping_stage import ACCOUNT, FUNCTION, Event, HandlerFailed
from tests.contract.metric_figures import figures
from tests.contract.stream_stage import Stage

kafka = pytest.importorskip("confluent_kafka", reason="the extra kafka is not installed")
MSK = f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/demo/1"


class Broker:
    """A broker in this process, speaking Kafka's protocol on loopback."""

    def __init__(self) -> None:
        settings = {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}
        self._producer = kafka.Producer(settings)
        (broker,) = self._producer.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def send(self, topic: str, *values: str, key: str = "k") -> None:
        for value in values:
            self._producer.produce(
                topic, value.encode(), key.encode(), headers=[("colour", b"red")], partition=0
            )
        assert self._producer.flush(10) == 0


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


def mapping(topic: str, arn: str = MSK, **options: Any) -> EventSourceMapping:
    values: dict[str, Any] = {
        "batch_size": 100,
        "starting_position": "TRIM_HORIZON",
        "maximum_retry_attempts": -1,
        "maximum_record_age_s": -1,
        "topics": (topic,),
        "kafka": KafkaSettings("group"),
    }
    return EventSourceMapping(f"uuid-{topic}", ACCOUNT, "us-east-1", arn, FUNCTION, **(values | options))


def values(event: Event) -> list[str]:
    return [base64.b64decode(r["value"]).decode() for records in event["records"].values() for r in records]


async def _until(stage: Stage, condition: Any) -> None:
    """Reads happen in threads of the client library, which the stage's manual time knows nothing of."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.to_thread(lambda: None)
            await stage.advance(1)


def _play(broker: str, row: EventSourceMapping, scene: Any) -> None:
    async def run() -> None:
        stage = Stage(Neighbours(_config()))
        stage.mappings = Mappings(lambda: stage.rows, stage.neighbour, stage.around, kafka_servers=broker)
        stage.rows.append(row)
        await stage.mappings.sync()
        try:
            await scene(stage)
        finally:
            await stage.mappings.stop()

    asyncio.run(run())


def _config() -> Any:
    from lambda_sandbox.config import Config

    return Config(neighbours=False)


def test_mapping_without_a_broker_says_what_to_set() -> None:
    async def scene(stage: Stage) -> None:
        assert "set LAMBDA_SANDBOX_KAFKA_BOOTSTRAP_SERVERS" in stage.result()

    _play("", mapping("orders"), scene)


def test_records_of_a_topic_arrive_in_the_shape_of_aws(broker: Broker) -> None:
    broker.send("clicks", "a", "b")

    async def scene(stage: Stage) -> None:
        await _until(stage, lambda: stage.result() == "OK")
        event = stage.invoked[0]
        assert (event["eventSource"], event["eventSourceArn"]) == ("aws:kafka", MSK)
        assert event["bootstrapServers"] == broker.address
        first = event["records"]["clicks-0"][0]
        assert (first["topic"], first["partition"], first["offset"]) == ("clicks", 0, 0)
        assert (base64.b64decode(first["key"]), first["headers"]) == (b"k", [{"colour": [114, 101, 100]}])
        assert first["timestampType"] == "CREATE_TIME"
        assert values(event) == ["a", "b"]

    _play(broker.address, mapping("clicks"), scene)


def test_lag_of_a_topic_is_reported_while_its_function_is_busy(broker: Broker) -> None:
    broker.send("slow", "a", "b", "c")
    lags: list[tuple[int, ...]] = []

    async def scene(stage: Stage) -> None:
        may_end = asyncio.Event()

        async def wait(event: Event) -> None:
            await may_end.wait()

        stage.handler = wait
        stage.around = replace(stage.around, offset_lag=lambda mapping, found: lags.append(tuple(found)))
        stage.mappings = Mappings(
            lambda: stage.rows, stage.neighbour, stage.around, kafka_servers=broker.address
        )
        await stage.mappings.sync()
        await _until(stage, lambda: bool(stage.invoked))
        await asyncio.to_thread(broker.send, "slow", "d", "e")
        await _until(stage, lambda: lags and sum(lags[-1]) == 5)
        may_end.set()
        await _until(stage, lambda: sum(lags[-1]) == 0)

    _play("", mapping("slow"), scene)
    assert {len(each) for each in lags} == {len(lags[0])}, "a partition counts even when it has no records"


def test_lag_of_a_topic_is_a_metric_of_its_function_and_its_mapping(
    broker: Broker, start_server: Callable[..., Server]
) -> None:
    broker.send("metered", "a", "b")
    server = start_server("--clock", "scaled:60", kafka_bootstrap_servers=broker.address)
    server.deploy("blocked", "def handler(event, context):\n    raise ValueError\n")
    uuid = server.client("lambda").create_event_source_mapping(
        FunctionName="blocked",
        EventSourceArn=MSK,
        Topics=["metered"],
        StartingPosition="TRIM_HORIZON",
        MetricsConfig={"Metrics": ["KafkaMetrics"]},
    )["UUID"]
    read = server.client("cloudwatch")
    deadline = time.monotonic() + 60
    while not figures(read, "OffsetLag", "Maximum", FunctionName="blocked"):
        assert time.monotonic() < deadline, "no lag was reported"
    assert figures(read, "OffsetLag", "Minimum", "Maximum", FunctionName="blocked") == [2, 2]
    assert figures(read, "SumOffsetLag", "Maximum", EventSourceMappingUUID=uuid) == [2]
    assert figures(read, "MaxOffsetLag", "Maximum", EventSourceMappingUUID=uuid) == [2]
    assert figures(read, "PolledEventCount", "Maximum", EventSourceMappingUUID=uuid) == []


def test_poison_record_of_a_topic_is_found_and_given_up(broker: Broker) -> None:
    broker.send("poisoned", "a", "poison", "b")

    async def scene(stage: Stage) -> None:
        async def fail(event: Event) -> None:
            if "poison" in values(event):
                raise HandlerFailed

        stage.handler = fail
        await _until(stage, lambda: bool(stage.discarded))
        await _until(stage, lambda: stage.invoked and values(stage.invoked[-1]) == ["b"])
        assert json.dumps(stage.discarded[0]).count('"batchSize": 1') == 1

    row = mapping(
        "poisoned",
        arn="",
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=0,
        on_failure_arn="arn:aws:sqs:us-east-1:000000000000:failures",
    )
    _play(broker.address, row, scene)
