"""A bucket's notifications, through boto3: what starts a function, with which event, and what S3 refuses."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.trigger_stage import ACCOUNT, Queue, Reporter, deliveries


@pytest.fixture(scope="module")
def reporter(server: Server) -> Reporter:
    made = Reporter(server, "on-objects")
    made.permit("s3.amazonaws.com", "arn:aws:s3:::trigger-*", "buckets")
    return made


def _configure(server: Server, bucket: str, *functions: dict[str, Any], **others: Any) -> None:
    server.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": list(functions), **others},
    )


def _on(reporter: Reporter, *events: str, name: str = "all", **rules: str) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "Id": name,
        "LambdaFunctionArn": reporter.function_arn,
        "Events": list(events),
    }
    if rules:
        filters = [{"Name": key, "Value": value} for key, value in rules.items()]
        configuration["Filter"] = {"Key": {"FilterRules": filters}}
    return configuration


def _record(reporter: Reporter) -> dict[str, Any]:
    record: dict[str, Any] = reporter.body()["Records"][0]
    return record


class TestEvents:
    def test_an_object_put_has_every_field_and_an_encoded_key(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="trigger-fields")
        _configure(server, "trigger-fields", _on(reporter, "s3:ObjectCreated:*"))
        etag = s3.put_object(Bucket="trigger-fields", Key="im ages/é+1.png", Body=b"12345")["ETag"]
        record = _record(reporter)
        assert record["eventVersion"] == "2.1"
        assert record["eventSource"] == "aws:s3"
        assert record["eventName"] == "ObjectCreated:Put"
        assert record["awsRegion"] == "us-east-1"
        assert record["eventTime"].endswith("Z")
        assert set(record["responseElements"]) == {"x-amz-request-id", "x-amz-id-2"}
        assert record["s3"]["configurationId"] == "all"
        assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::trigger-fields"
        about = record["s3"]["object"]
        assert about["key"] == "im+ages/%C3%A9%2B1.png"
        assert unquote_plus(about["key"]) == "im ages/é+1.png"
        assert (about["size"], about["eTag"]) == (5, etag.strip('"'))
        assert "versionId" not in about
        int(about["sequencer"], 16)

    def test_each_way_to_write_and_delete_has_its_name_and_sequencers_grow(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "trigger-names"
        s3.create_bucket(Bucket=bucket)
        _configure(server, bucket, _on(reporter, "s3:ObjectCreated:*", "s3:ObjectRemoved:*"))
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=b")
        s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"}, Metadata={"a": "b"}, MetadataDirective="REPLACE")  # fmt: skip
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts)
        s3.delete_object(Bucket=bucket, Key="k")
        records = [_record(reporter) for _ in range(4)]
        by_sequence = sorted(records, key=lambda each: each["s3"]["object"]["sequencer"])
        assert [each["eventName"] for each in by_sequence] == [
            "ObjectCreated:Put",
            "ObjectCreated:Copy",
            "ObjectCreated:CompleteMultipartUpload",
            "ObjectRemoved:Delete",
        ]
        assert set(by_sequence[-1]["s3"]["object"]) == {"key", "sequencer"}

    def test_tags_and_acls_are_told_only_when_they_are_set_by_themselves(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "trigger-tags"
        s3.create_bucket(Bucket=bucket)
        _configure(server, bucket, _on(reporter, "s3:ObjectTagging:*", "s3:ObjectAcl:Put"))
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=b", ACL="private")
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
        s3.delete_object_tagging(Bucket=bucket, Key="k")
        s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
        records = [_record(reporter) for _ in range(3)]
        assert sorted(each["eventName"] for each in records) == [
            "ObjectAcl:Put",
            "ObjectTagging:Delete",
            "ObjectTagging:Put",
        ]
        assert {each["eventVersion"] for each in records} == {"2.3"}
        assert all("sequencer" not in each["s3"]["object"] for each in records)

    def test_a_versioned_bucket_tells_versions_and_delete_markers(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "trigger-versions"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        _configure(server, bucket, _on(reporter, "s3:ObjectCreated:*", "s3:ObjectRemoved:*"))
        version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
        created = _record(reporter)
        assert created["s3"]["object"]["versionId"] == version
        marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        marked = _record(reporter)
        assert marked["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
        assert marked["s3"]["object"]["versionId"] == marker
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
        deleted = _record(reporter)
        assert deleted["eventName"] == "ObjectRemoved:Delete"
        assert deleted["s3"]["object"]["versionId"] == version

    def test_prefix_and_suffix_are_compared_with_the_plain_key(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "trigger-filters"
        s3.create_bucket(Bucket=bucket)
        rule = _on(reporter, "s3:ObjectCreated:Put", prefix="in box/", suffix=".csv")
        _configure(server, bucket, rule)
        for key in ("in box/a.txt", "out/b.csv", "in box/c.csv"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        assert _record(reporter)["s3"]["object"]["key"] == "in+box/c.csv"


class TestOtherTargets:
    def test_queues_and_topics_get_a_test_event_and_then_the_records(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, sns, bucket = server.client("s3"), server.client("sns"), "trigger-others"
        queue, behind_topic = Queue(server, "objects"), Queue(server, "object-news")
        topic = sns.create_topic(Name="objects")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=behind_topic.arn)
        s3.create_bucket(Bucket=bucket)
        _configure(
            server,
            bucket,
            _on(reporter, "s3:ObjectCreated:*", suffix=".fn"),
            QueueConfigurations=[
                {
                    "QueueArn": queue.arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".q"}]}},
                }
            ],
            TopicConfigurations=[
                {
                    "TopicArn": topic,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".t"}]}},
                }
            ],
        )
        tested = queue.body()
        assert (tested["Event"], tested["Service"], tested["Bucket"]) == ("s3:TestEvent", "Amazon S3", bucket)
        notice = behind_topic.body()
        assert notice["Subject"] == "Amazon S3 Notification"
        assert json.loads(notice["Message"])["Event"] == "s3:TestEvent"
        for key in ("a.q", "a.t", "a.fn"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        assert queue.body()["Records"][0]["s3"]["object"]["key"] == "a.q"
        through_topic = json.loads(behind_topic.body()["Message"])
        assert through_topic["Records"][0]["s3"]["object"]["key"] == "a.t"
        assert _record(reporter)["s3"]["object"]["key"] == "a.fn"  # and no test event before it

    def test_eventbridge_hears_of_every_change_with_the_plain_key(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, events, bucket = server.client("s3"), server.client("events"), "trigger-bridge"
        rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/objects"
        reporter.permit("events.amazonaws.com", rule, "rule-objects")
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
        events.put_rule(Name="objects", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="objects", Targets=[{"Id": "1", "Arn": reporter.function_arn}])
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        s3.put_object(Bucket=bucket, Key="a b", Body=b"123")
        event = reporter.body()
        assert event["detail-type"] == "Object Created"
        assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
        assert event["detail"]["object"]["key"] == "a b"
        assert event["detail"]["object"]["size"] == 3
        assert event["detail"]["reason"] == "PutObject"
        s3.delete_object(Bucket=bucket, Key="a b")
        gone = reporter.body()
        assert (gone["detail-type"], gone["detail"]["deletion-type"]) == (
            "Object Deleted",
            "Permanently Deleted",
        )


class TestRecursion:
    def test_a_function_that_writes_where_it_is_started_is_stopped(self, server: Server) -> None:
        stopped, bucket = Queue(server, "stopped-loop"), "trigger-loop"
        source = (
            "import boto3\ns3 = boto3.client('s3')\n"
            "def handler(event, context):\n"
            f"    s3.put_object(Bucket='{bucket}', Key=context.aws_request_id, Body=b'again')\n"
        )
        arn = server.deploy("writes-on", source, Timeout=30)
        client = server.client("lambda")
        client.add_permission(
            FunctionName="writes-on",
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
        )
        client.put_function_event_invoke_config(
            FunctionName="writes-on", DestinationConfig={"OnFailure": {"Destination": stopped.arn}}
        )
        server.client("s3").create_bucket(Bucket=bucket)
        _configure(server, bucket, {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]})
        server.client("s3").put_object(Bucket=bucket, Key="first", Body=b"1")
        record = stopped.body()
        assert record["requestContext"]["condition"] == "RecursiveInvocationDetected"
        written = server.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]
        assert written == 17  # the first, and one by each of sixteen invocations


class TestRefusals:
    def test_a_function_that_s3_may_not_invoke_is_refused_and_history_says_why(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "no-permission"
        s3.create_bucket(Bucket=bucket)
        with pytest.raises(ClientError) as refused:
            _configure(server, bucket, _on(reporter, "s3:ObjectCreated:*"))
        error = refused.value.response["Error"]
        assert error["Code"] == "InvalidArgument"
        assert error["Message"] == "Unable to validate the following destination configurations"
        assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
        why = deliveries(server)[-1]
        assert "s3.amazonaws.com may not invoke" in why
        assert "arn:aws:s3:::no-permission" in why

    def test_an_unchecked_destination_is_taken_and_its_events_are_refused(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "unchecked"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            SkipDestinationValidation=True,
            NotificationConfiguration={"LambdaFunctionConfigurations": [_on(reporter, "s3:ObjectCreated:*")]},
        )
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        # What was asked for later is delivered later: once its event is here, the refusal is history.
        s3.create_bucket(Bucket="trigger-later")
        _configure(server, "trigger-later", _on(reporter, "s3:ObjectCreated:*"))
        s3.put_object(Bucket="trigger-later", Key="k", Body=b"1")
        assert _record(reporter)["s3"]["bucket"]["name"] == "trigger-later"
        assert any(
            "(arn:aws:s3:::unchecked)" in why and "NO_PERMISSIONS" in why for why in deliveries(server)
        )

    def test_a_function_that_does_not_exist_is_refused(self, server: Server) -> None:
        s3, bucket = server.client("s3"), "no-function"
        s3.create_bucket(Bucket=bucket)
        missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:missing"
        configuration = {"LambdaFunctionArn": missing, "Events": ["s3:ObjectCreated:*"]}
        with pytest.raises(ClientError, match="Unable to validate"):
            _configure(server, bucket, configuration)

    def test_configurations_that_one_object_could_meet_twice_are_refused(
        self, server: Server, reporter: Reporter
    ) -> None:
        s3, bucket = server.client("s3"), "trigger-overlap"
        s3.create_bucket(Bucket=bucket)
        one = _on(reporter, "s3:ObjectCreated:*", name="one", prefix="a/")
        other = _on(reporter, "s3:ObjectCreated:Put", name="other", prefix="a/b/")
        with pytest.raises(ClientError, match="cannot share a common event type"):
            _configure(server, bucket, one, other)
        _configure(server, bucket, one, _on(reporter, "s3:ObjectCreated:Put", name="other", prefix="b/"))
