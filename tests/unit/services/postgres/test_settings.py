"""What classes and parameter groups mean for PostgreSQL."""

import pytest

from lambda_sandbox.services.postgres import settings


@pytest.mark.parametrize(
    ("instance_class", "connections"),
    [
        ("db.t4g.micro", 112),
        ("db.t3.small", 225),
        ("db.m6g.large", 901),
        ("db.r5.large", 1802),
        ("db.r7g.16xlarge", 5000),
        ("db.serverless", 0),
        ("t4g.micro", 0),
    ],
)
def test_connections_follow_the_memory_of_the_class(instance_class: str, connections: int) -> None:
    assert settings.max_connections(instance_class, {}) == connections


def test_a_parameter_group_has_the_last_word() -> None:
    assert settings.max_connections("db.t4g.micro", {"max_connections": "7"}) == 7


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_connections", "7", ""),
        ("max_connections", "5", "allowed values are: 6-262000"),
        ("max_connections", "262143", "allowed values are: 6-262000"),
        ("work_mem", "63", "allowed values are: 64-"),
        ("work_mem", "64", ""),
        ("statement_timeout", "-1", "allowed values are: 0-"),
        ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "no formula"),
        ("idle_session_timeout", "60000", ""),
        ("log_min_duration_statement", "-1", ""),
        ("work_mem", "4MB", "whole numbers"),
        ("work_mem", "1'\nlisten_addresses = '*", "whole numbers"),
        ("shared_preload_libraries", "1", "does not carry out the parameter shared_preload_libraries"),
        ("archive_command", "rm", "does not carry out the parameter archive_command"),
    ],
)
def test_a_parameter_is_carried_out_or_refused(name: str, value: str, said: str) -> None:
    problem = settings.parameter_problem(name, value)
    assert said in problem
    assert bool(problem) == bool(said)
