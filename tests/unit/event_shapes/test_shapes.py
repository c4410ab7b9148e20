"""Every sample of an event is whole: each field explained, each explanation of a field that is there."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambda_sandbox.event_shapes import load, names
from lambda_sandbox.event_shapes.paths import leaves, put

FACTS = Path(__file__).resolve().parents[3] / "docs" / "facts" / "events.yaml"
MODES = {"async": "async", "esm": "mapping"}


def is_container(value: Any) -> bool:
    return isinstance(value, dict) or bool(isinstance(value, list) and value and isinstance(value[0], dict))


def test_every_event_of_the_fact_base_has_a_sample() -> None:
    facts = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    wanted = {
        fact["id"].removeprefix("ev-"): fact["value"]
        for fact in facts
        if isinstance(fact["value"], dict) and "shape" in fact["value"]
    }
    assert len(wanted) == 34
    assert wanted.keys() <= set(names())
    for name, value in wanted.items():
        if value["mode"] in MODES:
            assert load(name).mode == MODES[value["mode"]], name


@pytest.mark.parametrize("name", names())
def test_every_field_has_a_meaning_and_every_meaning_a_field(name: str) -> None:
    shape = load(name)
    found = leaves(shape.event())
    silent = [
        path
        for path, value in found.items()
        if not is_container(value) and not shape.meanings.of(path).meaning
    ]
    assert not silent
    idle = [
        known
        for known in shape.meanings.own_paths()
        if not any(shape.meanings.matches(known, p) for p in found)
    ]
    assert not idle


@pytest.mark.parametrize("name", names())
def test_every_option_changes_the_event_and_no_placeholder_is_left(name: str) -> None:
    shape = load(name)
    event = shape.event()
    text = json.dumps(event)
    assert "${" not in text
    assert "$json" not in text
    assert len(text) < 128 * 1024  # below SNS's and EventBridge's limits, so that any service could send it
    numbers = {"size": "7", "detail": '{"other": 1}'}
    for option in shape.options:
        assert shape.filled({option.name: numbers.get(option.name, "another")}) != event, option.name


def test_a_key_of_s3_is_url_encoded_and_its_size_a_number() -> None:
    record = load("s3").event(key="a b/c&d.jpg", size="12")["Records"][0]["s3"]
    assert record["object"]["key"] == "a+b/c%26d.jpg"
    assert record["object"]["size"] == 12


def test_digests_and_encodings_follow_the_values() -> None:
    message = load("sqs").event(body="pear")["Records"][0]
    assert message["md5OfBody"] == hashlib.md5(b"pear", usedforsecurity=False).hexdigest()
    assert base64.b64decode(load("kinesis").event(data="pear")["Records"][0]["kinesis"]["data"]) == b"pear"
    rabbit = load("rabbitmq").event(queue="q", data="Äpfel")["rmqMessagesByQueue"]["q::/"][0]
    assert rabbit["basicProperties"]["bodySize"] == 6
    packed = load("cloudwatch-logs").event(message="no pears")["awslogs"]["data"]
    assert json.loads(gzip.decompress(base64.b64decode(packed)))["logEvents"][0]["message"] == "no pears"
    assert (
        json.loads(load("config").event(bucket="b")["invokingEvent"])["configurationItem"]["resourceId"]
        == "b"
    )


def test_a_sample_is_new_each_time() -> None:
    load("sns").event()["Records"].clear()
    assert load("sns").event()["Records"]


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        (
            "sns",
            {"bucket": "b"},
            "the event sns has no option --bucket; it has --topic, --subject, --message",
        ),
        ("s3", {"size": "big"}, "--size must be a whole number, and 'big' is none"),
        ("eventbridge", {"detail": "{"}, "--detail must be JSON, and '{' is not"),
    ],
    ids=["an option that it has not", "text for a number", "text for JSON"],
)
def test_a_value_that_cannot_be_used_is_refused_in_a_sentence(
    name: str, values: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace("{", r"\{")):
        load(name).event(**values)


def test_an_unknown_event_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="there is no event 'fax'; there are activemq, alb, "):
        load("fax")


def test_fields_tell_type_meaning_and_whether_they_may_be_absent() -> None:
    fields = {field.path: field for field in load("s3").fields()}
    version = fields["Records[].s3.object.versionId"]
    assert (version.type, version.optional) == ("string", True)
    assert "versioning" in version.meaning
    assert fields["Records"].type == "list of objects"
    assert "headers.*" in {field.path for field in load("alb").fields()}


def test_put_sets_adds_and_appends() -> None:
    document: Any = {"a": [{"b.c": 1}]}
    put(document, 'a[0]["b.c"]', 2)
    put(document, "a[1]", "new")
    put(document, "x.y[0]", True)
    assert document == {"a": [{"b.c": 2}, "new"], "x": {"y": [True]}}


@pytest.mark.parametrize("path", ["", "a[", "a[5]", "a.b.c", "a[0].b[0]"])
def test_put_refuses_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(ValueError, match=r"is no path|the event has no"):
        put({"a": [{"b": "text"}]}, path, 1)
