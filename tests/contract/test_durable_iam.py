"""Durable executions with ``--enforce-iam``: the role checkpoints, chains and is called back only as far as it may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.durable_functions import SOURCE
from tests.contract.durable_stage import CONFIG, callback_id, ended
from tests.contract.iam_stage import allow, deploy, role, root, user
from tests.contract.iam_stage import guarded as guarded  # one server for the module

ANY_VERSION = "arn:aws:lambda:us-east-1:000000000000:function:*:*"
DURABLE = allow(["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"], ANY_VERSION)


def executed(server: Server, name: str, role_arn: str, **event: Any) -> Any:
    deploy(server, name, SOURCE, Role=role_arn, MemorySize=1769, DurableConfig=CONFIG)
    answer = root(server, "lambda").invoke(FunctionName=f"{name}:$LATEST", Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def test_a_role_that_may_not_checkpoint_fails_its_execution(guarded: Server) -> None:
    said = executed(guarded, "unable", role(guarded, "unable"), do="add_wait_double", n=1)
    assert "lambda:CheckpointDurableExecution" in said["errorMessage"]


def test_a_role_that_may_checkpoint_its_own_executions_runs_them(guarded: Server) -> None:
    said = executed(guarded, "able", role(guarded, "able", DURABLE), do="add_wait_double", n=1)
    assert said == {"a": 2, "b": 4}


def test_a_chained_invoke_needs_the_roles_permission(guarded: Server) -> None:
    deploy(guarded, "other", SOURCE, Handler="app.plain")
    event = {"do": "chained", "target": "other", "payload": {"n": 4}}
    refused = executed(guarded, "lone", role(guarded, "lone", DURABLE), **event)
    assert "lambda:InvokeFunction" in refused["errorMessage"]
    chaining = role(guarded, "chaining", DURABLE, allow("lambda:InvokeFunction"))
    assert executed(guarded, "chaining", chaining, **event) == {"twice": 8}


def test_a_callback_is_answered_by_who_may_for_that_function(guarded: Server) -> None:
    deploy(
        guarded,
        "asking",
        SOURCE,
        Role=role(guarded, "asking", DURABLE),
        MemorySize=1769,
        DurableConfig=CONFIG,
    )
    lambdas = root(guarded, "lambda")
    arn = lambdas.invoke(
        FunctionName="asking:$LATEST", InvocationType="Event", Payload=b'{"do": "called_back"}'
    )["DurableExecutionArn"]
    callback = callback_id(lambdas, arn)
    action = "lambda:SendDurableExecutionCallbackSuccess"
    function = "arn:aws:lambda:us-east-1:000000000000:function:{}:*"
    stranger = guarded.client(
        "lambda", **user(guarded, "stranger", allow(action, function.format("billing")))
    )
    with pytest.raises(ClientError) as error:
        stranger.send_durable_execution_callback_success(CallbackId=callback, Result=b"no")
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    boss = guarded.client("lambda", **user(guarded, "boss", allow(action, function.format("asking"))))
    boss.send_durable_execution_callback_success(CallbackId=callback, Result=b"yes")
    assert json.loads(ended(lambdas, arn)["Result"]) == {"approved": "yes"}
