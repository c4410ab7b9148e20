"""One encoder serves all events of a runtime, also behind a value that could not be written."""

from __future__ import annotations

import json
from collections import namedtuple
from decimal import Decimal
from typing import Any

import pytest

from lambda_sandbox.environments.runtimes import python_json
from lambda_sandbox.environments.runtimes.python_json import Encoder

Pair = namedtuple("Pair", "left right")


@pytest.fixture(params=["in C", "in Python"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    if request.param == "in Python":
        monkeypatch.setattr(python_json, "c_make_encoder", None)
    return Encoder()


VALUES: list[Any] = [
    None, True, 1, 1.5, float("inf"), "text", "ü \u2028 \U0001f600", [], {}, {"a": [1, {"b": None}]}, {1: "x", None: 2}, (1, 2),
]  # fmt: skip


def test_what_the_standard_library_can_write_is_written_as_it_would(encoder: Encoder) -> None:
    for value in VALUES * 2:
        assert encoder.encode(value) == json.dumps(value, ensure_ascii=encoder.ensure_ascii)


def test_what_it_cannot_is_written_as_aws_does(encoder: Encoder) -> None:
    for _ in range(2):
        assert encoder.encode({"p": Pair(1, b"b"), b"k": Decimal("1.10")}) == (
            '{"p": {"left": 1, "right": "b"}, "k": 1.10}'
        )


def test_a_value_that_cannot_be_written_leaves_nothing_behind(encoder: Encoder) -> None:
    inner: dict[str, Any] = {"x": object()}
    outer = {"inner": inner}
    endless: list[Any] = []
    endless.append(endless)
    for _ in range(2):
        with pytest.raises(TypeError):
            encoder.encode(outer)
        with pytest.raises((ValueError, RecursionError)):
            encoder.encode(endless)
    inner["x"] = 1
    assert encoder.encode(outer) == '{"inner": {"x": 1}}'
