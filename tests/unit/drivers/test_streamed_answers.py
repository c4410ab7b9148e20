"""A connection that answers piece by piece; whole answers are in tests/contract."""

from __future__ import annotations

from lambda_sandbox.drivers.streamed_answers import StreamingConnection


def test_a_stream_that_begins_while_the_answer_before_it_is_on_its_way_is_held_back_at_once() -> None:
    connection, holds = StreamingConnection(), list[bool]()
    connection.pause_writing()
    connection.begin_stream(200, b"", holds.append)
    assert holds == [True]
    connection.resume_writing()
    assert holds == [True, False]


def test_a_caller_that_hangs_up_lets_the_source_go() -> None:
    connection, holds = StreamingConnection(), list[bool]()
    connection.begin_stream(200, b"", holds.append)
    connection.pause_writing()
    connection.connection_lost(None)
    assert holds == [True, False]
    connection.stream(b"nobody")
    connection.end_stream()
