"""Accounts for tests of permissions: a server with ``--enforce-iam``, and its users, roles and functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

ACCOUNT = "000000000000"
OTHER = "111111111111"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    running = Server("--enforce-iam")
    role(running, "demo")
    yield running
    running.stop()


def root(server: Server, service: str, account: str = ACCOUNT) -> Any:
    return server.client(service, aws_access_key_id=account, aws_secret_access_key="sandbox")


def user(server: Server, name: str, *statements: dict[str, Any], account: str = ACCOUNT) -> dict[str, str]:
    """Make a user with these statements and return the options that sign as that user."""
    iam = root(server, "iam", account)
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def role(server: Server, name: str, *statements: dict[str, Any], trust: dict[str, Any] = TRUST) -> str:
    iam = root(server, "iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    return arn


def deploy(server: Server, name: str, source: str = ECHO, **options: Any) -> str:
    values = {
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/demo",
        "Timeout": 30,
        **options,
    }
    answer = root(server, "lambda").create_function(
        FunctionName=name, Code={"ZipFile": package(source)}, **values
    )
    arn: str = answer["FunctionArn"]
    return arn
