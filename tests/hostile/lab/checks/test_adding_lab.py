"""The checks of the tests' own tiny lab: a function ``add`` and a few facts. Eight points."""

import pytest

from autograder.checks import expect, expect_true


@pytest.mark.points(1)
def test_total_is_right(submission):
    """The total is right"""
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum of 1 and 2")


@pytest.mark.points(1)
@pytest.mark.held
def test_flag_is_true(submission):
    """The flag is exactly True"""
    expect(submission.literal("facts")["flag"], wanted=True, look_at="flag")


@pytest.mark.points(2)
def test_add_answers(sandbox):
    """add answers with the sum"""
    answer = sandbox.invoke("add", {"a": 2, "b": 3})
    expect(answer.payload, wanted={"sum": 5}, look_at="what the handler returns")


@pytest.mark.points(3)
@pytest.mark.held
def test_add_answers_for_any_numbers(sandbox, seeded):
    """add answers for any numbers"""
    a, b = seeded.randint(10, 999), seeded.randint(10, 999)
    answer = sandbox.invoke("add", {"a": a, "b": b})
    expect(answer.payload, wanted={"sum": a + b}, look_at="what the handler returns")


@pytest.mark.points(1)
def test_add_reports_its_memory(sandbox):
    """add reports its memory"""
    report = sandbox.invoke("add", {"a": 1, "b": 1}).report
    memory = report.get("memory_size_mb")
    expect_true(memory == 128.0, wanted="Memory Size: 128 MB", got=memory, look_at="MemorySize")


@pytest.mark.points(0)
def test_shows_what_it_printed(submission):
    """Worth nothing: brings what the facts cell printed to the tests"""
    expect_true(False, wanted="nothing", got=submission.outputs_text("facts"), look_at="nothing")
