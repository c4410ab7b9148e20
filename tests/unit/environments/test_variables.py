from __future__ import annotations

from dataclasses import replace

from lambda_sandbox import quotas
from lambda_sandbox.environments.runtimes.launch import Launch
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


def test_each_runtime_has_its_own_variables() -> None:
    node = variables(
        replace(FUNCTION, runtime="nodejs22.x"),
        "stream",
        launch=Launch(variables={"NODE_PATH": "/opt/nodejs"}),
    )
    assert (node["NODE_PATH"], node["AWS_EXECUTION_ENV"]) == ("/opt/nodejs", "AWS_Lambda_nodejs22.x")
    assert "PYTHONPATH" not in node
    assert variables(FUNCTION, "stream")["PYTHONPATH"] == "/var/runtime"


def test_os_only_runtimes_have_no_execution_environment() -> None:
    assert "AWS_EXECUTION_ENV" not in variables(replace(FUNCTION, runtime="provided.al2023"), "stream")


def test_the_functions_own_import_path_comes_before_the_layers() -> None:
    function = replace(FUNCTION, environment={"PYTHONPATH": "/tmp/own:/var/runtime"})
    values = variables(function, "stream", launch=Launch(import_path=("/opt/python", "/var/runtime")))
    assert values["PYTHONPATH"] == "/tmp/own:/opt/python:/var/runtime"


def test_another_interpreters_libraries_come_first() -> None:
    values = variables(FUNCTION, "stream", launch=Launch(libraries="/var/lang-python3.12/lib"))
    assert values["LD_LIBRARY_PATH"].startswith("/var/lang-python3.12/lib:/var/lang/lib:")


def test_programs_and_libraries_of_layers_are_found_without_isolation() -> None:
    values = variables(FUNCTION, "stream", task="/t", layers="/l", bare=True)
    assert values["PATH"].endswith(":/l/bin")
    assert values["LD_LIBRARY_PATH"] == "/t:/t/lib:/l/lib"


def test_the_initialization_type_is_the_environments() -> None:
    values = variables(FUNCTION, "stream", initialization_type="snap-start")
    assert values["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
