"""The checks of a small lab without any AWS in it: three points, one check of two held."""

CHECKS = '''
import pytest
from autograder.checks import expect

@pytest.mark.points(2)
def test_total(submission):
    """The total"""
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum")

@pytest.mark.points(1)
@pytest.mark.held
def test_printed(submission):
    expect(submission.outputs_text("facts"), wanted="hello\\n", look_at="print")
'''
