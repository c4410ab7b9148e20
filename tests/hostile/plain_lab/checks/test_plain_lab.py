"""The checks of the tests' lab without AWS: facts, and a word that stands in no page of the course. Five points."""

import pytest

from autograder.checks import expect

WORD = "cloudberry-word-7f3a91c4"


@pytest.mark.points(1)
def test_total_is_right(submission):
    """The total is right"""
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum of 1 and 2")


@pytest.mark.points(1)
@pytest.mark.held
def test_flag_is_true(submission):
    """The flag is exactly True"""
    expect(submission.literal("facts")["flag"], wanted=True, look_at="flag")


@pytest.mark.points(3)
@pytest.mark.held
def test_word_is_printed(submission):
    """The cell prints the word, which nobody can know without the work"""
    expect(submission.outputs_text("work").strip(), wanted=WORD, look_at="the work")


@pytest.mark.points(0)
def test_shows_what_it_printed(submission):
    """Worth nothing: brings what the facts cell printed to the tests"""
    expect(submission.outputs_text("facts"), wanted="nothing", look_at="nothing")
