from __future__ import annotations

from dataclasses import replace

from lambda_sandbox import quotas
from lambda_sandbox.environments.variables import variables
from lambda_sandbox.resources import FunctionConfiguration

FUNCTION = FunctionConfiguration(
    "123456789012",
    "eu-west-1",
    "f",
    "python3.12",
    "a.b",
    "",
    "",
    0,
    "",
    "",
    environment={"TABLE": "t", "LANG": "C"},
)


def test_every_reserved_variable_that_aws_sets_is_there() -> None:
    # The launcher adds the Runtime API's address; the trace id comes with an event; the older key name is never set.
    later = {"AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY"}
    assert quotas.RESERVED_ENVIRONMENT_VARIABLES - later <= variables(FUNCTION, "stream").keys()


def test_the_functions_own_variables_win_over_those_that_are_not_reserved() -> None:
    values = variables(FUNCTION, "stream")
    assert (values["TABLE"], values["LANG"], values["TZ"]) == ("t", "C", ":UTC")


def test_no_home_is_set() -> None:
    assert "HOME" not in variables(FUNCTION, "stream")


def test_json_logs_have_a_level() -> None:
    values = variables(replace(FUNCTION, log_format="JSON", application_log_level="WARN"), "stream")
    assert (values["AWS_LAMBDA_LOG_FORMAT"], values["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")
    assert "AWS_LAMBDA_LOG_FORMAT" not in variables(FUNCTION, "stream")
