"""S3's records and notification configurations, without S3."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lambda_sandbox
from lambda_sandbox.triggers.s3_configuration import Configuration, overlap
from lambda_sandbox.triggers.s3_event import Change, bridge_event, configuration_test, notification

CHANGE = Change(
    name="ObjectCreated:Put",
    bucket="b",
    region="us-east-1",
    account_id="000000000000",
    key="a b/ü.txt",
    time="2026-11-21T12:00:00.000Z",
    number=17,
    size=5,
    etag="e",
    version_id="v",
)


def about(name: str, **members: Any) -> dict[str, Any]:
    record = notification(replace(CHANGE, name=name, **members), "c")["Records"][0]
    made: dict[str, Any] = record["s3"]["object"]
    return made


class TestRecords:
    def test_a_record_has_the_fields_of_the_published_shape(self) -> None:
        published = Path(lambda_sandbox.__file__).parent / "event_shapes" / "s3.json"
        (sample,) = json.loads(published.read_text("utf-8"))["Records"]
        (record,) = notification(CHANGE, "c")["Records"]
        assert _fields(record) == _fields(sample)

    @given(st.text(min_size=1, max_size=40).filter(lambda key: key.isprintable()))
    def test_a_key_comes_back_when_it_is_decoded(self, key: str) -> None:
        assert unquote_plus(about("ObjectCreated:Put", key=key)["key"]) == key

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("ObjectCreated:Copy", {"key", "size", "eTag", "versionId", "sequencer"}),
            ("ObjectRemoved:Delete", {"key", "versionId", "sequencer"}),
            ("ObjectRemoved:DeleteMarkerCreated", {"key", "eTag", "versionId", "sequencer"}),
            ("ObjectTagging:Put", {"key", "eTag", "versionId"}),
            ("ObjectRestore:Completed", {"key", "size", "eTag", "versionId"}),
        ],
    )
    def test_each_event_tells_what_it_knows(self, name: str, fields: set[str]) -> None:
        assert set(about(name)) == fields

    def test_sequencers_order_as_text(self) -> None:
        numbers = [3, 20, 400, 1_732_190_400_000_000_000, 1_732_190_400_000_000_001]
        texts = [about("ObjectCreated:Put", number=number)["sequencer"] for number in numbers]
        assert texts == sorted(texts)
        assert len(set(texts)) == len(texts)

    def test_a_test_event_names_the_bucket(self) -> None:
        made = configuration_test("b", CHANGE.time)
        assert set(made) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}
        assert (made["Event"], made["Bucket"]) == ("s3:TestEvent", "b")


class TestEventBridge:
    @pytest.mark.parametrize(
        ("name", "detail_type"),
        [
            ("ObjectCreated:CompleteMultipartUpload", "Object Created"),
            ("ObjectRemoved:Delete", "Object Deleted"),
            ("ObjectRestore:Post", "Object Restore Initiated"),
            ("ObjectRestore:Completed", "Object Restore Completed"),
            ("ObjectTagging:Delete", "Object Tags Deleted"),
            ("ObjectAcl:Put", "Object ACL Updated"),
        ],
    )
    def test_each_event_has_its_detail_type(self, name: str, detail_type: str) -> None:
        event = bridge_event(replace(CHANGE, name=name), "id")
        assert (event["detail-type"], event["source"], event["id"]) == (detail_type, "aws.s3", "id")
        assert event["detail"]["object"]["key"] == "a b/ü.txt"
        assert event["time"] == "2026-11-21T12:00:00Z"

    def test_a_deletion_says_of_which_kind(self) -> None:
        kinds = {
            name: bridge_event(replace(CHANGE, name=f"ObjectRemoved:{name}"), "id")["detail"]["deletion-type"]
            for name in ("Delete", "DeleteMarkerCreated")
        }
        assert kinds == {"Delete": "Permanently Deleted", "DeleteMarkerCreated": "Delete Marker Created"}


def _configuration(*events: str, prefix: str = "", suffix: str = "") -> Configuration:
    return Configuration("c", "arn", events, prefix, suffix)


class TestConfigurations:
    @pytest.mark.parametrize(
        ("configured", "name", "key", "expected"),
        [
            (_configuration("s3:ObjectCreated:*"), "s3:ObjectCreated:Copy", "k", True),
            (_configuration("s3:ObjectCreated:Put"), "s3:ObjectCreated:Copy", "k", False),
            (_configuration("s3:ObjectCreated:*"), "s3:ObjectRemoved:Delete", "k", False),
            (_configuration("s3:ObjectCreated:*", prefix="a/"), "s3:ObjectCreated:Put", "a/k", True),
            (_configuration("s3:ObjectCreated:*", prefix="a/"), "s3:ObjectCreated:Put", "b/a/k", False),
            (_configuration("s3:ObjectCreated:*", suffix=".jpg"), "s3:ObjectCreated:Put", "k.JPG", False),
        ],
    )
    def test_events_prefix_and_suffix_decide(
        self, configured: Configuration, name: str, key: str, expected: bool
    ) -> None:
        assert configured.matches(name, key) is expected

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            (_configuration("s3:ObjectCreated:*"), _configuration("s3:ObjectCreated:Put"), True),
            (_configuration("s3:ObjectCreated:*"), _configuration("s3:ObjectRemoved:*"), False),
            (
                _configuration("s3:ObjectCreated:*", prefix="a"),
                _configuration("s3:ObjectCreated:*", prefix="ab"),
                True,
            ),
            (
                _configuration("s3:ObjectCreated:*", prefix="a"),
                _configuration("s3:ObjectCreated:*", prefix="b"),
                False,
            ),
            (
                _configuration("s3:ObjectCreated:*", prefix="a", suffix=".x"),
                _configuration("s3:ObjectCreated:*", prefix="a", suffix=".y"),
                False,
            ),
            (
                _configuration("s3:ObjectCreated:*", prefix="a"),
                _configuration("s3:ObjectCreated:*", suffix=".y"),
                True,
            ),
        ],
    )
    def test_two_that_one_object_could_meet_overlap(
        self, one: Configuration, other: Configuration, expected: bool
    ) -> None:
        assert (overlap([one, other]) is not None) is expected


def _fields(value: Any) -> Any:
    return {name: _fields(inner) for name, inner in value.items()} if isinstance(value, dict) else None
