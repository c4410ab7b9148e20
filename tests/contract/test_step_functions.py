"""State machines run, and their tasks are calls of the sandbox's own services by the state machine's role."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambda_sandbox.config import ROOT_SECRET
from tests.contract.conftest import ROLE, Server
from tests.contract.trigger_stage import ACCOUNT, Queue

WORK = """
import json, os, boto3
def handler(event, context):
    if "token" in event:
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps("approved"))
    if event.get("fail"):
        raise KeyError(event["fail"])
    return {"doubled": event.get("number", 0) * 2}
"""
WORK_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:work"
LAMBDA = "arn:aws:states:::lambda:invoke"


def task(payload: dict[str, Any], resource: str = LAMBDA, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": resource,
        "Parameters": {"FunctionName": "work", "Payload": payload},
        "End": True,
        **fields,
    }


def branch(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


ORDER = branch(
    Each={
        "Type": "Map",
        "ItemsPath": "$.numbers",
        "ItemProcessor": branch(Double=task({"number.$": "$"}, OutputPath="$.Payload.doubled")),
        "ResultPath": "$.doubled",
        "Next": "Both",
    },
    Both={
        "Type": "Parallel",
        "Branches": [
            branch(Direct={"Type": "Task", "Resource": WORK_ARN, "Parameters": {"number": 21}, "End": True}),
            branch(
                Fails=task(
                    {"fail": "stock"},
                    Retry=[{"ErrorEquals": ["KeyError"], "MaxAttempts": 1, "IntervalSeconds": 1}],
                    Catch=[{"ErrorEquals": ["KeyError"], "Next": "Caught"}],
                ),
                Caught={"Type": "Pass", "Parameters": {"error.$": "$.Error"}, "End": True},
            ),
        ],
        "ResultPath": "$.both",
        "Next": "Approve",
    },
    Approve=task(
        {"token.$": "$$.Task.Token"}, f"{LAMBDA}.waitForTaskToken", TimeoutSeconds=60, ResultPath="$.answer"
    ),
)


def machine(server: Server, name: str, definition: dict[str, Any], role: str = ROLE, **keys: Any) -> str:
    arn: str = server.client("stepfunctions", **keys).create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    return arn


def telling(definition: dict[str, Any], queue: Queue) -> dict[str, Any]:
    """Return a definition whose last state sends what came out to a queue, so that a test can wait for it."""
    states = {
        name: {**state, "Next": "Tell"} if state.pop("End", False) else state
        for name, state in json.loads(json.dumps(definition["States"])).items()
    }
    tell = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue.url, "MessageBody.$": "$"},
        "End": True,
    }
    return {**definition, "States": {**states, "Tell": tell}}


@pytest.fixture(scope="module")
def work(server: Server) -> str:
    return server.deploy("work", WORK, Timeout=30, MemorySize=512)


def test_map_retry_catch_and_a_task_token_run_their_functions(server: Server, work: str) -> None:
    told = Queue(server, "told")
    arn = machine(server, "order", telling(ORDER, told))
    client = server.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps({"numbers": [1, 2, 3]}))
    assert told.body() == {
        "numbers": [1, 2, 3],
        "doubled": [2, 4, 6],
        "both": [{"doubled": 42}, {"error": "KeyError"}],
        "answer": "approved",
    }
    history = client.get_execution_history(executionArn=execution["executionArn"])["events"]
    kinds = [event["type"] for event in history]
    assert kinds.count("TaskFailed") == 2  # the first try and the retry
    assert kinds.count("MapIterationSucceeded") == 3


def test_a_token_is_heard_of_without_a_heartbeat_interval_and_fails_with_its_cause(server: Server) -> None:
    waiting, told = Queue(server, "waiting"), Queue(server, "told-of-failure")
    asks = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": waiting.url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 60,
        "Catch": [{"ErrorEquals": ["Refused"], "Next": "Caught"}],
        "End": True,
    }
    definition = branch(Ask=asks, Caught={"Type": "Pass", "End": True})
    client = server.client("stepfunctions")
    client.start_execution(stateMachineArn=machine(server, "asking", telling(definition, told)))
    token = waiting.body()["token"]
    client.send_task_heartbeat(taskToken=token)
    client.send_task_failure(taskToken=token, error="Refused", cause="the till is closed")
    assert told.body() == {"Error": "Refused", "Cause": "the till is closed"}
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_heartbeat(taskToken=token)


def test_executions_without_a_name_are_two_and_have_a_history_at_once(server: Server) -> None:
    waiting = branch(Wait={"Type": "Wait", "Seconds": 600, "End": True})
    arn, client = machine(server, "waiting", waiting), server.client("stepfunctions")
    started = [client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)]
    assert len(set(started)) == 2
    for execution in started:
        assert client.describe_execution(executionArn=execution)["name"] == execution.rpartition(":")[2]
        client.get_execution_history(executionArn=execution)
        client.stop_execution(executionArn=execution)
        assert client.describe_execution(executionArn=execution)["status"] != "SUCCEEDED"


def test_what_cannot_run_is_refused_by_name(server: Server) -> None:
    client = server.client("stepfunctions")
    with pytest.raises(client.exceptions.InvalidDefinition, match="StartAt"):
        machine(server, "headless", {"StartAt": "Nowhere", "States": {}})
    with pytest.raises(client.exceptions.InvalidDefinition, match="JSONata"):
        machine(server, "modern", branch(Take={"Type": "Pass", "QueryLanguage": "JSONata", "End": True}))
    arn = machine(server, "strict", branch(Take={"Type": "Pass", "End": True}))
    with pytest.raises(client.exceptions.InvalidExecutionInput):
        client.start_execution(stateMachineArn=arn, input="{not JSON")


def test_a_schedule_starts_a_state_machine_and_the_bill_says_what_it_lacks(server: Server) -> None:
    told = Queue(server, "told-by-schedule")
    arn = machine(server, "scheduled", telling(branch(Take={"Type": "Pass", "End": True}), told))
    moment = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    server.client("scheduler").create_schedule(
        Name="once",
        ScheduleExpression=f"at({moment})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"from": "schedule"})},
    )
    assert told.body() == {"from": "schedule"}
    answer = urllib.request.urlopen(f"{server.endpoint}/_sandbox/bill").read()
    (sentence,) = json.loads(answer)["neighbours"]["left_out"]
    assert sentence.startswith("State machines cost by the state transition")


def test_event_of_a_rule_starts_a_state_machine(server: Server) -> None:
    told = Queue(server, "told-of-events")
    arn = machine(server, "listening", telling(branch(Take={"Type": "Pass", "End": True}), told))
    rules = server.client("events")
    rules.put_rule(Name="to-machine", EventPattern=json.dumps({"source": ["machines"]}))
    rules.put_targets(
        Rule="to-machine",
        Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"from": "rule"})}],
    )
    rules.put_events(Entries=[{"Source": "machines", "DetailType": "any", "Detail": "{}"}])
    assert told.body() == {"from": "rule"}


def test_state_machine_of_a_stack_runs(server: Server, work: str) -> None:
    told = Queue(server, "told-of-stacks")
    definition = telling(branch(Ask=task({"number": 5}, OutputPath="$.Payload")), told)
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": ROLE, "DefinitionString": json.dumps(definition)},
    }
    template = {"Resources": {"Machine": resource}, "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}}}
    stacks = server.client("cloudformation")
    stacks.create_stack(StackName="machines", TemplateBody=json.dumps(template))
    (output,) = stacks.describe_stacks(StackName="machines")["Stacks"][0]["Outputs"]
    server.client("stepfunctions").start_execution(stateMachineArn=output["OutputValue"])
    assert told.body() == {"doubled": 10}


def test_role_of_the_state_machine_decides_where_iam_does(start_server: Callable[..., Server]) -> None:
    server = start_server("--enforce-iam")
    root = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": ROOT_SECRET}
    iam = server.client("iam", **root)
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="machine",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    sqs = server.client("sqs", **root)
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    iam.put_role_policy(
        RoleName="machine",
        PolicyName="only-the-queue",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    tell = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$"},
        "End": True,
    }
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]
    definition = branch(Ask=task({}, Catch=caught), Tell=tell)
    arn = machine(server, "guarded", definition, role, **root)
    server.client("stepfunctions", **root).start_execution(stateMachineArn=arn)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    failure = json.loads(message["Body"])
    assert failure["Error"] == "Lambda.AccessDeniedException"
    assert "lambda:InvokeFunction" in failure["Cause"]
