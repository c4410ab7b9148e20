"""What a variable may say, and whom the sentence names when it says something else."""

from __future__ import annotations

import pytest

from lambda_sandbox.config import Config


@pytest.mark.parametrize(
    ("variable", "text", "rule"),
    [
        ("PORT", "abc", "a whole number from 0 to 65535"),
        ("PORT", "99999", "a whole number from 0 to 65535"),
        ("PORT", "-5", "a whole number from 0 to 65535"),
        ("ACCOUNT_ID", "abc", "an account id of 12 digits"),
        ("ACCOUNT_ID", "", "an account id of 12 digits"),
        ("ACCOUNT_CONCURRENCY", "-3", "a whole number from 1"),
        ("IDLE_LIFETIME_S", "nan", "a number of seconds from 0"),
        ("SEED", "first", "a whole number"),
        ("STATE", "", "a path"),
        ("CLOCK", "foo", "real or scaled:FACTOR"),
        ("ISOLATION", "foo", "one of auto, bwrap, none"),
        ("ISOLATION", "", "one of auto, bwrap, none"),
        ("RUNTIME_CLIENT", "foo", "one of lean, native"),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_takes(variable: str, text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^LAMBDA_SANDBOX_{variable} is .*, and it must be {rule}; "):
        Config.load({f"LAMBDA_SANDBOX_{variable}": text})


def test_a_wrong_flag_is_not_laid_to_a_variable() -> None:
    with pytest.raises(ValueError, match=r"^clock is real or scaled:FACTOR, not foo$"):
        Config.load({}, clock="foo")


def test_a_flag_comes_before_a_variable_whatever_that_says() -> None:
    assert Config.load({"LAMBDA_SANDBOX_PORT": "abc"}, port=0).port == 0
