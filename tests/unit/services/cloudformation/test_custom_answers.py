from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lambda_sandbox.services.cloudformation.custom_answers import Answers, read

REQUEST = {"StackId": "arn:stack", "RequestId": "one", "LogicalResourceId": "Thing"}


def body(**members: Any) -> bytes:
    return json.dumps({"Status": "SUCCESS", "PhysicalResourceId": "p", **REQUEST, **members}).encode()


def test_answer_to_the_request_is_taken() -> None:
    assert read(body(Data={"a": 1}), REQUEST)["Data"] == {"a": 1}
    assert read(body(Data=None), REQUEST)["Status"] == "SUCCESS"
    assert read(body(Status="FAILED", Reason="no"), REQUEST)["Reason"] == "no"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "Response object is too long."),
        (b"{", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (body(Status="OK"), "{/Status} must be SUCCESS or FAILED"),
        (body(RequestId="another"), "{/RequestId} must be that of the request"),
        (body(StackId="another"), "{/StackId} must be that of the request"),
        (body(LogicalResourceId="another"), "{/LogicalResourceId} must be that of the request"),
        (body(Status="FAILED"), "{/Reason} must not be empty"),
        (body(Data=[1]), "{/Data} must be an object"),
    ],
)
def test_answer_that_is_none_says_what_is_wrong(answer: bytes | None, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(answer, REQUEST)


class Way:
    """Stands for what opens the way to the listener."""

    def open(self, owner: str, places: list[tuple[str, int]]) -> None:
        self.places = places


def test_an_address_takes_one_answer_even_before_anybody_has_looked() -> None:
    answers = Answers(Way())  # type: ignore[arg-type]
    awaited = answers.expect("arn:stack", "Thing", "one", "us-east-1")
    assert answers.take(awaited.target, b"first")
    assert not answers.take(awaited.target, b"second")
    assert answers.wait(awaited, 0.0)
    assert awaited.body == b"first"


def test_an_address_is_closed_when_nobody_waits_any_more() -> None:
    answers = Answers(Way())  # type: ignore[arg-type]
    awaited = answers.expect("arn:stack", "Thing", "one", "us-east-1")
    assert not answers.wait(awaited, 0.0)
    assert not answers.take(awaited.target, b"late")
