"""What lab 17 asks for: roles that allow what is needed and no more, callers let in by name, a secret kept."""

from __future__ import annotations

import hmac
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true
from autograder.checks_asking import (
    configuration_of,
    expect_guesses,
    expect_observed,
    losses,
    queue_url,
    until,
)

CLERK = "cloudberry-clerk"
PAYOUT = "cloudberry-payout"
BANK = "cloudberry/bank"
HERE = "us-east-1:000000000000"
PARTNER = "111111111111"
# Tries calls with the role it is given, and says of each whether it was let through.
PROBE = """
import boto3
from botocore.exceptions import ClientError


def handler(event, context):
    return [may(*each) for each in event["calls"]]


def may(service, call, parameters):
    try:
        getattr(boto3.client(service), call)(**parameters)
    except ClientError as error:
        return "not authorized to perform" not in error.response["Error"]["Message"]
    return True
"""


def account(sandbox, service, number):
    """Return a client of another account's root user."""
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=sandbox.url,
        aws_access_key_id=number,
        aws_secret_access_key="sandbox",
    )


def expect_allowed(sandbox, name, calls, allowed, look_at):
    """Fail the check unless a function with the role of ``name`` gets just so far with each of the calls."""
    role = configuration_of(sandbox, name)["Role"]
    probe = f"probe-{time.monotonic_ns()}"
    sandbox.deploy(probe, PROBE, Role=role, MemorySize=512, Timeout=50)
    try:
        got = sandbox.invoke(probe, {"calls": calls}).payload
    finally:
        sandbox.client("lambda").delete_function(FunctionName=probe)
    expect_true(type(got) is list, wanted="a role that Lambda may take", got=got, look_at=look_at)
    for (service, call, parameters), may in zip(calls, got, strict=True):
        said = ", ".join(str(value) for value in parameters.values())[:90]
        asked = f"{service}.{call}({said})"
        expect_true(
            may is allowed,
            wanted=f"a role that {'allows' if allowed else 'does not allow'} {asked}",
            got="it is refused" if allowed else "it is allowed",
            look_at=look_at,
        )


def record(order_id, sku):
    """Return the event of an order that comes from a topic."""
    return {"Records": [{"Sns": {"Message": json.dumps({"order_id": order_id, "sku": sku})}}]}


def stored(sandbox, order_id):
    """Return an order as the table Orders holds it."""
    found = sandbox.client("dynamodb").get_item(TableName="Orders", Key={"order_id": {"S": order_id}})
    return {key: next(iter(value.values())) for key, value in found.get("Item", {}).items()}


def expect_clerk_works(sandbox, order_id):
    """Fail the check if the clerk raises on an order that it is handed directly."""
    configuration_of(sandbox, CLERK)
    result = sandbox.invoke(CLERK, record(order_id, "tea"))
    payload = result.payload if type(result.payload) is dict else {}
    expect_true(
        result.function_error is None,
        wanted="an order that goes through",
        got=payload.get("errorMessage", result.payload),
        look_at="gap 1: the refusal names action and resource",
    )


def refusal(client, function_arn):
    """Return the code with which a caller is refused, or nothing if the function runs."""
    try:
        client.invoke(FunctionName=function_arn, Payload=json.dumps({"partner": "ada", "cents": 1}))
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def sign(sandbox, event, look_at):
    """Return the payout's answer; fail the check if it raises."""
    configuration_of(sandbox, PAYOUT)
    result = sandbox.invoke(PAYOUT, event)
    expect_true(
        result.function_error is None,
        wanted=f"an answer to the event {event}",
        got=result.payload,
        look_at=f"the errorMessage: it is your function's own exception; and at {look_at}",
    )
    return result.payload


def signed(secret, event):
    text = f"{event['partner']}:{event['cents']}"
    return {**event, "signature": hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()}


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"allow_beats_deny": bool, "who_may_call_is_said_by_the": str, "polling_is_allowed_by_the": str},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down who was refused, and what let a stranger in

    What nothing allows is denied, and what anything denies is denied; the rest is a matter of who asks
    on whose behalf.
    """
    right = [
        ("code_of_a_refusal", "AccessDeniedException", "the first line under 'a role from nothing'"),
        ("deny_beats_allow", True, "'An explicit deny': what came of deleting"),
        ("stranger_was_heard_without_source_arn", True, "'A confused deputy': the first two lines"),
        ("stranger_was_heard_with_source_arn", False, "the same, after the cure"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_clerk_does_its_work(sandbox):
    """With its own role, the clerk reads the price, stores the order and tells the packers

    A role is right when the work gets done with it; that it is small enough is the other half.
    """
    expect_clerk_works(sandbox, "check-1")
    expect(
        stored(sandbox, "check-1"),
        wanted={"order_id": "check-1", "sku": "tea", "cents": "390"},
        look_at="the table Orders, and the function's code, which is to stay as it was",
    )


@pytest.mark.points(3)
def test_clerk_may_do_nothing_else(sandbox, seeded):
    """The clerk's role allows nothing that its code does not do

    Code has bugs, and libraries come from strangers. What an attacker gets by them is the role, so a role is as
    small as the work.
    """
    queue = queue_url(sandbox, "cloudberry-packing")
    key = {"sku": {"S": "probe"}}  # what is let through shall spoil nothing that another check looks at
    other = seeded.choice(["Prices2", "PricesArchive", "OrdersOld", "Customers"])
    calls = [
        ["dynamodb", "delete_item", {"TableName": "Prices", "Key": key}],
        ["dynamodb", "put_item", {"TableName": "Prices", "Item": key}],
        ["dynamodb", "scan", {"TableName": "Prices"}],
        ["dynamodb", "get_item", {"TableName": other, "Key": key}],
        ["dynamodb", "put_item", {"TableName": other, "Item": key}],
        ["dynamodb", "delete_item", {"TableName": "Orders", "Key": {"order_id": {"S": "x"}}}],
        ["dynamodb", "scan", {"TableName": "Orders"}],
        ["sqs", "receive_message", {"QueueUrl": queue}],
        ["sqs", "send_message", {"QueueUrl": f"{queue}-{seeded.randint(2, 9)}", "MessageBody": "x"}],
        ["sns", "list_topics", {}],
        ["lambda", "list_functions", {}],
        ["iam", "list_roles", {}],
    ]
    seeded.shuffle(calls)
    look_at = "gap 1: one action on one resource a statement, without a wildcard"
    needed = ["dynamodb", "get_item", {"TableName": "Prices", "Key": key}]
    expect_allowed(sandbox, CLERK, [needed], True, "gap 1: what the code does has to be allowed")
    expect_allowed(sandbox, CLERK, calls, False, look_at)


@pytest.mark.points(2)
def test_topic_may_call_the_clerk(sandbox):
    """An order that is published on the topic orders arrives in the table

    The statement stands in the function's own policy: it says who may call, and the role says what the
    function may do then.
    """
    expect_clerk_works(sandbox, "check-direct")
    topic = f"arn:aws:sns:{HERE}:orders"
    look_at = "gap 2: let_in, with the principal sns.amazonaws.com; and gap 1"
    lost = losses(sandbox, CLERK, look_at, f"({topic})")
    message = json.dumps({"order_id": "check-2", "sku": "honey"})
    sandbox.client("sns").publish(TopicArn=topic, Message=message)
    until(lambda: stored(sandbox, "check-2"), timeout_s=25, unless=lost)
    expect(
        stored(sandbox, "check-2"),
        wanted={"order_id": "check-2", "sku": "honey", "cents": "890"},
        look_at=look_at,
    )


@pytest.mark.points(3)
def test_other_topics_may_not_call_the_clerk(sandbox, seeded):
    """Orders on another topic, of this account or a stranger's, do not arrive

    SNS calls for whoever asks it to. Without a source, its permission is everybody's who has a topic: the confused
    deputy.
    """
    arn, run = configuration_of(sandbox, CLERK)["FunctionArn"], seeded.randrange(10**9)
    expect_clerk_works(sandbox, f"direct-{run}")
    ours, strange = sandbox.client("sns"), account(sandbox, "sns", f"{seeded.randrange(3 * 10**11, 10**12)}")
    for client, name in [(ours, f"orders-{run}"), (strange, "orders")]:
        topic = client.create_topic(Name=name)["TopicArn"]
        client.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
        order_id = f"{name}-{'ours' if client is ours else 'strange'}-{run}"
        client.publish(TopicArn=topic, Message=json.dumps({"order_id": order_id, "sku": "jam"}))
    good = json.dumps({"order_id": f"good-{run}", "sku": "jam"})
    right = f"arn:aws:sns:{HERE}:orders"
    lost = losses(sandbox, CLERK, "gap 2", f"({right})")
    ours.publish(TopicArn=right, Message=good)
    arrived = until(lambda: stored(sandbox, f"good-{run}"), timeout_s=25, unless=lost)
    time.sleep(1)  # for those that must not come
    wrong = [f"orders-{run}-ours-{run}", f"orders-strange-{run}"]
    expect(
        [order_id for order_id in wrong if stored(sandbox, order_id)],
        wanted=[],
        look_at="gap 2: SourceArn=orders_topic says on whose behalf SNS may call",
    )
    expect_true(arrived, wanted="the order of the topic orders", got="it did not arrive", look_at="gap 2")


@pytest.mark.points(2)
def test_payout_signs(sandbox):
    """The payout's signature is the one that the bank expects

    The function got the secret by its role alone: there is no key in the code that could be copied
    with it.
    """
    event = {"partner": "bo", "cents": 4200}
    look_at = "the text that is signed, partner:cents, and the secret's name"
    got = sign(sandbox, event, look_at)
    secret = sandbox.client("secretsmanager").get_secret_value(SecretId=BANK)["SecretString"]
    expect(got, wanted=signed(secret, event), look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_payout_follows_a_secret_that_changes(sandbox, seeded):
    """With a new secret a new environment signs anew, and the settings hold no secret"""
    client = sandbox.client("lambda")
    variables = configuration_of(sandbox, PAYOUT).get("Environment", {}).get("Variables", {})
    keeper = sandbox.client("secretsmanager")
    old = keeper.get_secret_value(SecretId=BANK)["SecretString"]
    expect_true(
        not any(old in value for value in variables.values()),
        wanted="settings without the secret",
        got="the secret is in an environment variable",
        look_at="where the function takes the secret from",
    )
    secret = f"the bees moved to {seeded.randrange(10**9)}"
    keeper.put_secret_value(SecretId=BANK, SecretString=secret)
    variables = {**variables, "CHECKED": str(seeded.random())}
    client.update_function_configuration(FunctionName=PAYOUT, Environment={"Variables": variables})
    client.get_waiter("function_updated_v2").wait(FunctionName=PAYOUT)
    event = {"partner": seeded.choice(["ada", "cy", "dora"]), "cents": seeded.randint(100, 90_000)}
    look_at = "where the secret is read: from Secrets Manager, once an environment or once a call"
    expect(sign(sandbox, event, look_at), wanted=signed(secret, event), look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_payout_may_read_one_secret_and_nothing_else(sandbox, seeded):
    """The payout's role allows this one secret, not others with a similar name, and nothing else"""
    configuration_of(sandbox, PAYOUT)
    keeper = sandbox.client("secretsmanager")
    names = [
        f"{BANK}-{seeded.choice(['archive', 'copy'])}",
        f"{BANK}{seeded.randint(2, 9)}",
        "cloudberry/till",
    ]
    others = [keeper.create_secret(Name=name, SecretString="x")["ARN"] for name in names]
    bank = keeper.describe_secret(SecretId=BANK)["ARN"]
    look_at = "the resource of the role's statement: …:secret:cloudberry/bank-??????"
    expect_allowed(
        sandbox, PAYOUT, [["secretsmanager", "get_secret_value", {"SecretId": bank}]], True, look_at
    )
    calls = [["secretsmanager", "get_secret_value", {"SecretId": arn}] for arn in others]
    calls += [
        ["secretsmanager", "describe_secret", {"SecretId": bank}],
        ["secretsmanager", "list_secrets", {}],
        ["dynamodb", "scan", {"TableName": "Orders"}],
        ["iam", "list_roles", {}],
    ]
    expect_allowed(sandbox, PAYOUT, calls, False, f"{look_at}; and its one action")


@pytest.mark.points(2)
def test_partner_may_call_the_payout_and_nobody_else(sandbox):
    """The partner's account may call, another account may not

    Between accounts both sides have to agree, so nobody gets in by what somebody else's administrator
    decides.
    """
    arn = configuration_of(sandbox, PAYOUT)["FunctionArn"]
    look_at = "let_in for cloudberry-payout, with the partner's account as the principal"
    expect(refusal(account(sandbox, "lambda", PARTNER), arn), wanted="", look_at=look_at)
    for number in ("222222222222", "999999999999"):
        got = refusal(account(sandbox, "lambda", number), arn)
        expect(got, wanted="AccessDeniedException", look_at=f"{look_at}, and no other; account {number}")
