"""The neighbours through the sandbox's endpoint, with boto3 and the AWS CLI; and what happens when they are gone."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.config import Config
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.services.neighbours import Neighbours
from tests.contract.conftest import Server

ACCOUNT = "000000000000"
# A function that hands its event to a queue, where the test waits for it.
ECHO = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
# As the console's encryption helpers have a handler do it.
DECRYPTS = """
import base64, boto3, os
from botocore.exceptions import ClientError

def handler(event, context):
    found = {}
    for name, text in event.items():
        try:
            found[name] = boto3.client("kms").decrypt(
                CiphertextBlob=base64.b64decode(text),
                EncryptionContext={"LambdaFunctionName": os.environ["AWS_LAMBDA_FUNCTION_NAME"]},
            )["Plaintext"].decode()
        except ClientError as error:
            found[name] = "{Code}: {Message}".format(**error.response["Error"])
    return found
"""
S3 = [
    (b"Host", b"localhost"),
    (b"Authorization", b"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request,"),
]
SQS = [
    (b"Host", b"localhost"),
    (b"Content-Type", b"application/x-amz-json-1.0"),
    (b"X-Amz-Target", b"AmazonSQS.ListQueues"),
    (b"Authorization", b"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sqs/aws4_request,"),
]


def table(dynamodb: Any, name: str) -> None:
    """Make a table with the key ``id``, unless there is one."""
    with contextlib.suppress(dynamodb.exceptions.ResourceInUseException):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


class TestThroughTheEndpoint:
    def test_kms_reads_its_own_ciphertexts_and_says_why_it_reads_no_other(self, server: Server) -> None:
        kms = server.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        context = {"LambdaFunctionName": "decrypts"}
        made = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
        foreign = b"\x01\x02\x02\x00x" + os.urandom(120)  # as AWS's begin
        server.deploy("decrypts", DECRYPTS, Timeout=30)
        event = {"own": base64.b64encode(made).decode(), "foreign": base64.b64encode(foreign).decode()}
        answer = server.client("lambda").invoke(FunctionName="decrypts", Payload=json.dumps(event))
        inside = json.loads(answer["Payload"].read())
        assert inside["own"] == "secret"
        unknown_key = b"0" * 8 + made[8:]
        for blob, code in ((foreign, "InvalidCiphertextException"), (unknown_key, "AccessDeniedException")):
            with pytest.raises(
                ClientError, match="encryption helpers for one, cannot be read here: put"
            ) as why:
                kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
            assert why.value.response["Error"]["Code"] == code
        assert inside["foreign"].startswith(
            "InvalidCiphertextException: The sandbox's KMS reads only what its own keys"
        )

    def test_s3_keeps_bytes_metadata_and_ranges(self, server: Server) -> None:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="path-style")
        body = os.urandom(300_000)
        s3.put_object(Bucket="path-style", Key="a b/é.bin", Body=body, Metadata={"my_key": "v"})
        got = s3.get_object(Bucket="path-style", Key="a b/é.bin")
        assert got["Body"].read() == body
        assert got["Metadata"] == {"my_key": "v"}
        assert s3.head_object(Bucket="path-style", Key="a b/é.bin")["ContentLength"] == len(body)
        part = s3.get_object(Bucket="path-style", Key="a b/é.bin", Range="bytes=10-19")
        assert part["Body"].read() == body[10:20]
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3.get_object(Bucket="path-style", Key="missing")
        s3.delete_object(Bucket="path-style", Key="a b/é.bin")
        assert "Contents" not in s3.list_objects_v2(Bucket="path-style")

    def test_s3_takes_the_bucket_from_the_host_name(self, server: Server) -> None:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="virtual-host")
        s3.put_object(Bucket="virtual-host", Key="k", Body=b"by host name")
        port = server.endpoint.rpartition(":")[2]
        s3.put_bucket_policy(
            Bucket="virtual-host", Policy=json.dumps({"Version": "2012-10-17", "Statement": []})
        )
        request = urllib.request.Request(
            f"{server.endpoint}/k", headers={"Host": f"virtual-host.localhost:{port}", **dict(_text(S3[1:]))}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == b"by host name"

    def test_queue_addresses_point_back_at_the_endpoint_that_the_caller_used(self, server: Server) -> None:
        sqs = server.client("sqs")
        url = sqs.create_queue(QueueName="addresses")["QueueUrl"]
        assert url == f"{server.endpoint}/{ACCOUNT}/addresses"
        sqs.send_message(QueueUrl=url, MessageBody="through its own address")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert message["Body"] == "through its own address"

    def test_a_long_poll_wakes_with_the_message_and_blocks_nobody(self, server: Server) -> None:
        sqs = server.client("sqs")
        url = sqs.create_queue(QueueName="waiting")["QueueUrl"]
        command = f"""
import boto3, sys
print("asking", flush=True)
sqs = boto3.client("sqs", endpoint_url={server.endpoint!r}, region_name="us-east-1")
print(sqs.receive_message(QueueUrl={url!r}, WaitTimeSeconds=20)["Messages"][0]["Body"])
"""
        keys = {**os.environ, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k"}
        with subprocess.Popen(
            [sys.executable, "-c", command], stdout=subprocess.PIPE, text=True, env=keys
        ) as waiter:
            assert waiter.stdout is not None
            assert waiter.stdout.readline() == "asking\n"
            before = time.monotonic()
            sqs.send_message(QueueUrl=url, MessageBody="wake up")
            assert waiter.stdout.readline() == "wake up\n"
            assert time.monotonic() - before < 15

    def test_a_stream_is_read_on_after_a_transaction_that_was_cancelled(self, server: Server) -> None:
        dynamodb, streams = server.client("dynamodb"), server.client("dynamodbstreams")
        made = dynamodb.create_table(
            TableName="told",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )["TableDescription"]
        arn = made["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        place = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        page = streams.get_records(ShardIterator=streams.get_shard_iterator(**place)["ShardIterator"])
        put = {"TableName": "told", "Item": {"id": {"S": "1"}}}
        refused = {**put, "Item": {"id": {"S": "2"}}, "ConditionExpression": "attribute_exists(id)"}
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"Put": refused}])
        assert dynamodb.scan(TableName="told")["Items"] == []
        dynamodb.put_item(TableName="told", Item={"id": {"S": "3"}})
        records = streams.get_records(ShardIterator=page["NextShardIterator"])["Records"]
        assert [each["dynamodb"]["Keys"]["id"]["S"] for each in records] == ["3"]

    @pytest.mark.parametrize(
        ("counts", "said"),
        [
            ({"whole": 26}, "Member must have length less than or equal to 25"),
            ({"whole": 20, "other": 6}, "Too many items requested for the BatchWriteItem call"),
        ],
    )
    def test_a_batch_of_more_than_25_writes_is_refused_whole(
        self, server: Server, counts: dict[str, int], said: str
    ) -> None:
        dynamodb = server.client("dynamodb")
        for name in ("whole", "other"):
            table(dynamodb, name)
        writes = {
            name: [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(count)]
            for name, count in counts.items()
        }
        with pytest.raises(ClientError, match=re.escape(said)) as refused:
            dynamodb.batch_write_item(RequestItems=writes)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
        assert all(dynamodb.scan(TableName=name)["Count"] == 0 for name in counts)

    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            ("n < :text", False),
            ("n >= :text", False),
            ("n BETWEEN :text AND :text", False),
            ("NOT n < :text", True),
            ("n <> :text", True),
            ("n < :number", True),
            ("size(nowhere) = :number", False),
            ("size(n) < :number", False),
        ],
    )
    def test_a_text_is_neither_less_nor_more_than_a_number(
        self, server: Server, condition: str, holds: bool
    ) -> None:
        dynamodb = server.client("dynamodb")
        table(dynamodb, "compared")
        dynamodb.put_item(TableName="compared", Item={"id": {"S": "1"}, "n": {"N": "42"}})
        kind = ":text" if ":text" in condition else ":number"
        values = {":text": {"S": "43"}, ":number": {"N": "43"}}
        found = dynamodb.scan(
            TableName="compared",
            FilterExpression=condition,
            ExpressionAttributeValues={kind: values[kind]},
        )
        assert found["Count"] == int(holds)

    def test_dynamodb_keeps_items(self, server: Server) -> None:
        dynamodb = server.client("dynamodb")
        dynamodb.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        dynamodb.put_item(TableName="t", Item={"id": {"S": "1"}, "n": {"N": "42"}})
        assert dynamodb.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"]["n"] == {"N": "42"}
        with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
            dynamodb.put_item(
                TableName="t", Item={"id": {"S": "1"}}, ConditionExpression="attribute_not_exists(id)"
            )

    def test_kinesis_delivers_what_was_put(self, server: Server) -> None:
        kinesis = server.client("kinesis")
        kinesis.create_stream(StreamName="s", ShardCount=1)
        kinesis.put_record(StreamName="s", Data=b"\x00\xff", PartitionKey="p")
        shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        assert (
            kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"][0]["Data"] == b"\x00\xff"
        )

    def test_identity_metrics_and_logs_answer_for_the_configured_account(self, server: Server) -> None:
        assert server.client("sts").get_caller_identity()["Account"] == ACCOUNT
        role = server.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
        assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/r"
        logs = server.client("logs")
        logs.create_log_group(logGroupName="/g")
        assert logs.describe_log_groups(logGroupNamePrefix="/g")["logGroups"][0]["logGroupName"] == "/g"

    def test_log_events_of_two_streams_are_found_in_the_order_of_their_time(self, server: Server) -> None:
        logs, now_ms = server.client("logs"), int(time.time() * 1000)
        logs.create_log_group(logGroupName="/interleaved")
        for stream, moments_ms in [("a", (0, 20)), ("b", (10, 30))]:
            logs.create_log_stream(logGroupName="/interleaved", logStreamName=stream)
            events = [{"timestamp": now_ms + ms, "message": str(ms)} for ms in moments_ms]
            logs.put_log_events(logGroupName="/interleaved", logStreamName=stream, logEvents=events)
        for ignored in ({}, {"interleaved": False}):
            found = logs.filter_log_events(logGroupName="/interleaved", **ignored)["events"]
            assert [event["message"] for event in found] == ["0", "10", "20", "30"]
        cloudwatch = server.client("cloudwatch")
        cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1}])
        assert cloudwatch.list_metrics(Namespace="n")["Metrics"][0]["MetricName"] == "m"

    def test_the_aws_cli_works_with_nothing_but_the_endpoint(self, server: Server, tmp_path: Path) -> None:
        source = tmp_path / "file.txt"
        source.write_text("from the command line")
        _aws(server, "s3", "mb", "s3://cli-bucket")
        _aws(server, "s3", "cp", str(source), "s3://cli-bucket/file.txt")
        assert _aws(server, "s3", "cp", "s3://cli-bucket/file.txt", "-") == "from the command line"
        url = json.loads(_aws(server, "sqs", "create-queue", "--queue-name", "cli"))["QueueUrl"]
        assert url.startswith(server.endpoint)


class TestForwarder:
    """What a neighbour tells a function arrives as an asynchronous invoke."""

    def test_an_object_in_s3_invokes_the_function_with_its_key(self, server: Server) -> None:
        arn, received = _echo(server, "on-object")
        s3 = server.client("s3")
        s3.create_bucket(Bucket="notifies")
        notify = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
        s3.put_bucket_notification_configuration(
            Bucket="notifies", NotificationConfiguration={"LambdaFunctionConfigurations": [notify]}
        )
        s3.put_object(Bucket="notifies", Key="new.txt", Body=b"12345")
        record = received()["Records"][0]
        assert record["eventSource"] == "aws:s3"
        assert record["s3"]["bucket"]["name"] == "notifies"
        assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("new.txt", 5)

    def test_a_message_to_a_topic_invokes_its_subscriber(self, server: Server) -> None:
        arn, received = _echo(server, "on-message")
        sns = server.client("sns")
        topic = sns.create_topic(Name="news")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
        attributes = {"kind": {"DataType": "String", "StringValue": "a"}}
        sent = sns.publish(TopicArn=topic, Message="hi", Subject="s", MessageAttributes=attributes)
        record = received()["Records"][0]
        assert record["EventSource"] == "aws:sns"
        assert record["Sns"]["TopicArn"] == topic
        assert record["Sns"]["MessageId"] == sent["MessageId"]
        assert (record["Sns"]["Subject"], record["Sns"]["Message"]) == ("s", "hi")
        assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "a"}}

    def test_a_subscription_filter_keeps_other_messages_away(self, server: Server) -> None:
        arn, received = _echo(server, "on-filtered")
        sns = server.client("sns")
        topic = sns.create_topic(Name="filtered")["TopicArn"]
        policy = {"FilterPolicy": json.dumps({"kind": ["wanted"]})}
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn, Attributes=policy)
        for kind in ("other", "wanted"):
            attribute = {"kind": {"DataType": "String", "StringValue": kind}}
            sns.publish(TopicArn=topic, Message=kind, MessageAttributes=attribute)
        assert received()["Records"][0]["Sns"]["Message"] == "wanted"

    def test_an_event_on_the_bus_invokes_the_target_of_its_rule(self, server: Server) -> None:
        arn, received = _echo(server, "on-event")
        events = server.client("events")
        events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
        events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": arn}])
        entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": json.dumps({"id": 7})}
        events.put_events(Entries=[{**entry, "Source": "elsewhere"}, entry])
        event = received()
        assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "OrderPlaced", {"id": 7})
        assert event["account"] == ACCOUNT
        assert event["time"].endswith("Z")

    def test_a_target_with_a_constant_input_gets_that_input(self, server: Server) -> None:
        arn, received = _echo(server, "on-constant")
        events = server.client("events")
        events.put_rule(Name="constant", EventPattern=json.dumps({"source": ["constant"]}))
        events.put_targets(Rule="constant", Targets=[{"Id": "1", "Arn": arn, "Input": '{"fixed": true}'}])
        events.put_events(Entries=[{"Source": "constant", "DetailType": "d", "Detail": "{}"}])
        assert received() == {"fixed": True}

    def test_a_subscribed_log_group_sends_its_events_packed(self, server: Server) -> None:
        arn, received = _echo(server, "on-logs")
        logs = server.client("logs")
        logs.create_log_group(logGroupName="/watched")
        logs.create_log_stream(logGroupName="/watched", logStreamName="s")
        logs.put_subscription_filter(
            logGroupName="/watched", filterName="f", filterPattern="", destinationArn=arn
        )
        now_ms = int(time.time() * 1000)
        logs.put_log_events(
            logGroupName="/watched", logStreamName="s", logEvents=[{"timestamp": now_ms, "message": "line"}]
        )
        told = [
            json.loads(gzip.decompress(base64.b64decode(received()["awslogs"]["data"]))) for _ in range(2)
        ]
        # Two asynchronous invocations: nobody promises their order.
        control, data = sorted(told, key=lambda each: each["messageType"])
        assert control["messageType"] == "CONTROL_MESSAGE"
        assert (data["logGroup"], data["owner"]) == ("/watched", ACCOUNT)
        assert data["logEvents"][0]["message"] == "line"


def live(scene: Callable[[Neighbours], Any], **settings: Any) -> None:
    """Run a scene with neighbours of its own."""

    async def run() -> None:
        neighbours = Neighbours(Config(**settings))
        await neighbours.start()
        try:
            await scene(neighbours)
        finally:
            await neighbours.stop()

    asyncio.run(run())


class TestLife:
    def test_a_call_before_moto_is_up_waits_for_it(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            assert neighbours.status == "starting"
            status, _, _ = await neighbours.forward("PUT", "/early", S3, b"")
            assert status == 200
            assert neighbours.status == "running"

        live(scene)

    def test_a_killed_moto_is_reported_once_and_then_runs_again_empty(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scene(neighbours: Neighbours) -> None:
            await neighbours.forward("PUT", "/kept-nowhere", S3, b"")
            first = neighbours.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            status, _, body = await neighbours.forward("POST", "/", SQS, b"{}")
            assert status == 503
            assert "are gone" in json.loads(body)["message"]
            status, _, body = await neighbours.forward("GET", "/", S3, b"")
            assert status == 200
            assert b"kept-nowhere" not in body
            assert neighbours.pid != first

        live(scene)
        assert "exit code -9" in caplog.text

    def test_stopped_neighbours_say_so(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            await neighbours.stop()
            status, _, body = await neighbours.forward("POST", "/", SQS, b"{}")
            assert status == 503
            assert "are stopped" in json.loads(body)["message"]
            assert (neighbours.status, neighbours.pid) == ("stopped", None)

        live(scene)

    def test_neighbours_that_are_off_start_nothing(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            status, _, body = await neighbours.forward("GET", "/", S3, b"")
            assert (status, neighbours.status, neighbours.pid) == (503, "off", None)
            assert b"are off" in body

        live(scene, neighbours=False)

    def test_reset_empties_them_and_keeps_the_process(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            await neighbours.forward("PUT", "/emptied", S3, b"")
            before = neighbours.pid
            await neighbours.reset()
            assert b"emptied" not in (await neighbours.forward("GET", "/", S3, b""))[2]
            assert neighbours.pid == before

        live(scene)

    def test_the_account_of_the_configuration_is_everywhere(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            headers = [(n, v.replace(b"ListQueues", b"CreateQueue")) for n, v in SQS]
            _, _, body = await neighbours.forward("POST", "/", headers, b'{"QueueName":"q"}')
            assert json.loads(body)["QueueUrl"] == "http://localhost/111122223333/q"

        live(scene, account_id="111122223333")

    def test_an_object_is_fetched_or_s3_says_why_not(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            await neighbours.forward("PUT", "/code", S3, b"")
            await neighbours.forward("PUT", "/code/a%20b.zip", S3, b"zip")
            assert await neighbours.fetch_object("code", "a b.zip") == b"zip"
            with pytest.raises(InvalidParameterValueException, match="S3 Error Code: NoSuchKey"):
                await neighbours.fetch_object("code", "missing")

        live(scene)

    def test_many_calls_share_the_connections(self) -> None:
        async def scene(neighbours: Neighbours) -> None:
            answers = await asyncio.gather(*(neighbours.forward("GET", "/", S3, b"") for _ in range(60)))
            assert {status for status, _, _ in answers} == {200}

        live(scene)

    def test_moto_ends_with_the_process_that_started_it_and_leaves_nothing(self) -> None:
        program = """
import asyncio, os
from lambda_sandbox.config import Config
from lambda_sandbox.services.neighbours import Neighbours
async def main():
    neighbours = Neighbours(Config())
    await neighbours.start()
    await neighbours.ready()
    print(neighbours.url.removeprefix("unix://"), flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=30)
        path = done.stdout.strip()
        assert path.endswith("moto.sock")
        deadline = time.monotonic() + 10
        while Path(path).parent.exists():  # its last act is to remove its folder
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _text(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]


def _aws(server: Server, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing may leave this machine, whatever the CLI makes of its options
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    # Version 1 of the CLI ignores AWS_ENDPOINT_URL for SQS alone, so the endpoint goes on the command line.
    command = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", server.endpoint, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _echo(server: Server, name: str) -> tuple[str, Callable[[], Any]]:
    """Deploy a function that reports its event; return its ARN and a way to wait for the event."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=f"{name}-events")["QueueUrl"]
    arn = server.deploy(name, ECHO, Environment={"Variables": {"QUEUE": url}}, Timeout=30)
    for service in ("s3", "sns", "events", "logs"):
        server.client("lambda").add_permission(
            FunctionName=name,
            StatementId=service,
            Action="lambda:InvokeFunction",
            Principal=f"{service}.amazonaws.com",
        )

    def received() -> Any:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
        assert answer.get("Messages"), f"{name} was not invoked"
        return json.loads(answer["Messages"][0]["Body"])

    return arn, received
