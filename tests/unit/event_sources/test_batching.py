from __future__ import annotations

import json

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.event_sources.batching import Batcher, Message, encode_event, judge


def message(number: int, size: int = 0) -> Message:
    record = json.dumps({"messageId": f"m{number}", "body": "x" * size}).encode()
    return Message(f"m{number}", f"handle-{number}", record)


def messages(count: int) -> list[Message]:
    return [message(number) for number in range(count)]


class TestBatcher:
    def test_without_a_window_one_poll_is_a_batch(self) -> None:
        batcher: Batcher[Message] = Batcher(ManualClock(), batch_size=10, window_s=0)
        assert not batcher.due()
        batcher.add(messages(3))
        assert batcher.due()
        assert len(batcher.take()) == 3
        assert not batcher.due()

    def test_a_window_holds_the_batch_until_it_closes(self) -> None:
        clock = ManualClock()
        batcher: Batcher[Message] = Batcher(clock, batch_size=10, window_s=5)
        batcher.add(messages(1))
        clock.advance(4.9)
        batcher.add(messages(1))
        assert not batcher.due()
        assert batcher.remaining_s() == pytest.approx(0.1)
        clock.advance(0.2)
        assert batcher.due()
        assert len(batcher.take()) == 2

    def test_the_window_opens_at_the_first_message_not_before(self) -> None:
        clock = ManualClock()
        batcher: Batcher[Message] = Batcher(clock, batch_size=10, window_s=5)
        clock.advance(60)
        batcher.add(messages(1))
        assert not batcher.due()

    def test_a_full_batch_does_not_wait_for_its_window(self) -> None:
        batcher: Batcher[Message] = Batcher(ManualClock(), batch_size=3, window_s=300)
        batcher.add(messages(2))
        assert batcher.room == 1
        assert not batcher.due()
        batcher.add(messages(1))
        assert batcher.due()

    def test_the_payload_limit_closes_a_batch_and_keeps_the_rest(self) -> None:
        batcher: Batcher[Message] = Batcher(ManualClock(), batch_size=10, window_s=300, payload_bytes=1000)
        batcher.add([message(number, size=300) for number in range(4)])
        assert batcher.due()
        batch = batcher.take()
        assert [m.message_id for m in batch] == ["m0", "m1"]
        assert len(encode_event(batch)) <= 1000
        assert [m.message_id for m in batcher.waiting] == ["m2", "m3"]

    def test_a_payload_of_exactly_the_limit_fits(self) -> None:
        pair = [message(0, size=10), message(1, size=10)]
        exact = len(encode_event(pair))
        fits: Batcher[Message] = Batcher(ManualClock(), 10, 0, payload_bytes=exact)
        fits.add(pair)
        cut: Batcher[Message] = Batcher(ManualClock(), 10, 0, payload_bytes=exact - 1)
        cut.add(pair)
        assert (len(fits.take()), len(cut.take())) == (2, 1)

    def test_a_message_larger_than_the_limit_goes_out_alone(self) -> None:
        batcher: Batcher[Message] = Batcher(ManualClock(), batch_size=10, window_s=0, payload_bytes=100)
        batcher.add([message(0, size=500), message(1)])
        assert [m.message_id for m in batcher.take()] == ["m0"]
        assert [m.message_id for m in batcher.take()] == ["m1"]

    def test_drain_gives_back_what_is_in_no_batch(self) -> None:
        batcher: Batcher[Message] = Batcher(ManualClock(), batch_size=10, window_s=9)
        batcher.add(messages(2))
        assert len(batcher.drain()) == 2
        assert batcher.waiting == ()


def failed_after(payload: object, *, report: bool = True, function_error: str | None = None) -> list[str]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    verdict = judge(messages(3), raw, function_error, report_batch_item_failures=report)
    settled = {m.message_id for m in verdict.succeeded + verdict.failed}
    assert settled == {"m0", "m1", "m2"}
    return [m.message_id for m in verdict.failed]


EVERYTHING = ["m0", "m1", "m2"]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"batchItemFailures": []}, id="an empty list"),
        pytest.param({"batchItemFailures": None}, id="a null list"),
        pytest.param({}, id="an empty object"),
        pytest.param(None, id="null"),
        pytest.param(b"", id="nothing at all"),
        pytest.param({"statusCode": 200}, id="an object that says nothing of failures"),
    ],
)
def test_everything_succeeded_after(payload: object) -> None:
    assert failed_after(payload) == []


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"{", id="text that is not JSON"),
        pytest.param(b"\xff\xfe", id="bytes that are not UTF-8"),
        pytest.param("done", id="a string"),
        pytest.param([], id="a list"),
        pytest.param({"batchItemFailures": "m1"}, id="failures that are no list"),
        pytest.param({"batchItemFailures": ["m1"]}, id="entries that are no objects"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, id="an empty identifier"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": None}]}, id="a null identifier"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": 1}]}, id="a number for an identifier"),
        pytest.param({"batchItemFailures": [{"messageId": "m1"}]}, id="a bad key name"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "other"}]}, id="an unknown identifier"),
        pytest.param(
            {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "other"}]},
            id="one known and one unknown identifier",
        ),
    ],
)
def test_the_whole_batch_failed_after(payload: object) -> None:
    assert failed_after(payload) == EVERYTHING


def test_listed_messages_failed_and_the_others_succeeded() -> None:
    listed = {"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m0"}]}
    assert failed_after(listed) == ["m0", "m2"]


def test_an_identifier_listed_twice_fails_once() -> None:
    assert failed_after({"batchItemFailures": [{"itemIdentifier": "m1"}] * 2}) == ["m1"]


def test_a_function_error_fails_everything_whatever_the_payload_says() -> None:
    assert failed_after({"batchItemFailures": []}, function_error="Unhandled") == EVERYTHING


def test_a_mapping_that_did_not_ask_for_partial_responses_ignores_them() -> None:
    assert failed_after({"batchItemFailures": [{"itemIdentifier": "m1"}]}, report=False) == []
    assert failed_after(b"{", report=False) == []
