"""The durable functions of the contract tests: one package, what it does is said in the event."""

SOURCE = '''
import os
import time

import boto3
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import (
    CallbackConfig, Duration, MapConfig, StepConfig, StepSemantics, WaitForCallbackConfig
)
from aws_durable_execution_sdk_python.retries import RetryDecision
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

RUNS = []


def plain(event, context):
    if event.get("fail"):
        raise ValueError("plainly no")
    return {"twice": 2 * event["n"]}


def second():
    return Duration.from_seconds(1)


def add_wait_double(event, context):
    a = context.step(lambda _: event["n"] + 1, name="add")
    context.wait(second(), name="pause")
    return {"a": a, "b": context.step(lambda _: a * 2, name="double")}


def only_answer(event, context):
    return event


def retried(event, context):
    def unsteady(step):
        RUNS.append(event["key"])
        if RUNS.count(event["key"]) < event["good"]:
            raise RuntimeError("not yet")
        return RUNS.count(event["key"])

    def decide(error, attempts):
        return RetryDecision.retry(second()) if attempts < 3 else RetryDecision.no_retry()

    return context.step(unsteady, name="unsteady", config=StepConfig(retry_strategy=decide))


def crashing(event, context):
    """At least once, the process dies in the middle of the first try; at most once, it is not tried again."""
    flag = "/tmp/" + event["key"]

    def die(step):
        if not os.path.exists(flag):
            open(flag, "w").close()
            os._exit(1)
        return "alive"

    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY if event["once"] else StepSemantics.AT_LEAST_ONCE_PER_RETRY
    never = lambda error, attempts: RetryDecision.no_retry()
    return context.step(die, name="die", config=StepConfig(retry_strategy=never, step_semantics=semantics))


def called_back(event, context):
    config = CallbackConfig(
        timeout=Duration.from_seconds(event.get("timeout", 0)),
        heartbeat_timeout=Duration.from_seconds(event.get("heartbeat", 0)),
    )
    callback = context.create_callback(name="approval", config=config)
    return {"approved": callback.result()}


def wait_for_callback(event, context):
    def submit(callback_id, _):
        boto3.client("lambda").send_durable_execution_callback_success(CallbackId=callback_id, Result=b"yes")

    return context.wait_for_callback(submit, name="asked", config=WaitForCallbackConfig(timeout=Duration.from_seconds(20)))


def in_parallel(event, context):
    def branch(number):
        def run(child):
            child.wait(second(), name=f"wait-{number}")
            return child.step(lambda _: number * 10, name=f"step-{number}")
        return run

    return context.parallel([branch(number) for number in range(3)], name="branches").get_results()


def mapped(event, context):
    def one(child, item, index, items):
        return child.step(lambda _: item * item, name=f"square-{index}")

    return context.map(event["items"], one, name="squares", config=MapConfig(max_concurrency=2)).get_results()


def chained(event, context):
    return context.invoke(event["target"], event["payload"], name="other")


def polled(event, context):
    return context.wait_for_condition(
        lambda state, _: state + 1,
        WaitForConditionConfig(
            initial_state=0,
            wait_strategy=lambda state, attempt: (
                WaitForConditionDecision.stop_polling() if state >= 2 else WaitForConditionDecision.continue_waiting(second())
            ),
        ),
        name="until-two",
    )


def large(event, context):
    return "x" * event["characters"]


def many(event, context):
    for number in range(event["steps"]):
        context.step(lambda _: number, name=f"n-{number}")
    context.wait(second(), name="then")
    return event["steps"]


def loud(event, context):
    raise ValueError("no such order")


def slow(event, context):
    flag = "/tmp/" + event["key"]
    context.step(lambda _: "kept", name="before")
    if not os.path.exists(flag):
        open(flag, "w").close()
        time.sleep(60)
    return "after a timeout"


def waiting(event, context):
    context.wait(Duration.from_seconds(event["seconds"]), name="long")
    return "waited"


@durable_execution
def handler(event, context):
    return globals()[event["do"]](event, context)
'''
