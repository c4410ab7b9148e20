"""What lab 24 asks for besides, wishes 9 and 10 and the bill: a report at night, small roles, a month worked out."""

from __future__ import annotations

import fnmatch
import json
import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted

REPORTS = "cloudberry-reports-000000000000"
NEWS = "arn:aws:sns:us-east-1:000000000000:cloudberry-news"
COUNTED = ["placed", "packed", "trouble", "packed_cents"]
LOOK_AT_NIGHT = (
    "wish 9: a rule with a ScheduleExpression, its target, and the function's permission for the rule"
)
# Tries calls with the role that it is given, and says of each whether it was let through.
PROBE = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1})
clients = {}


def handler(event, context):
    return [may(*each) for each in event["calls"]]


def may(service, call, parameters):
    client = clients.setdefault(service, boto3.client(service, config=ONCE))
    try:
        getattr(client, call)(**parameters)
    except ClientError as error:
        return "not authorized to perform" not in error.response["Error"]["Message"]
    return True
"""


@pytest.mark.points(2)
def test_the_night_writes_a_report(shop):
    """Wish 9: a function is called once a day, and writes the day's report

    A schedule is a caller like any other: it needs a target and a permission, and somebody who notices when it
    stays away.
    """
    counts(shop)


@pytest.mark.points(2)
@pytest.mark.held
def test_the_report_counts_right(shop, seeded):
    """Wish 9: after three more orders the report has three more, and the cents of those that were packed"""
    before = counts(shop)
    cents, quantity = seeded.randint(1, 999), seeded.randint(2, 9)
    sku, customer = shop.product("night", cents, 2 * quantity), shop.customer("night")
    packed = [customer.places(sku, quantity, key) for key in ("one", "two")]
    shop.expect_settled(
        customer, dict.fromkeys(packed, ("packed",)), "wish 5: two orders for just what is there"
    )
    late = customer.places(sku, 1, "three")
    shop.expect_settled(customer, {late: ["trouble"]}, "wish 6: an order when nothing is left")
    after = counts(shop)
    more = {name: after[name] - before[name] for name in COUNTED}
    right = {"placed": 0, "packed": 2, "trouble": 1, "packed_cents": 2 * quantity * cents}
    look_at = "wish 9: by how much the report grew after two orders were packed and one got into trouble"
    expect(more, wanted=right, look_at=look_at)


def counts(shop):
    """Have it be night; return what the report counts then."""
    report = at_night(shop)
    good = type(report) is dict and all(type(report.get(name)) is int for name in COUNTED)
    expect_true(
        good, wanted=f"a report with {', '.join(COUNTED)}, whole numbers", got=report, look_at="wish 9"
    )
    return {name: report[name] for name in COUNTED}


def at_night(shop):
    """Call what the schedules of the day call, until a report is there; return it, read as JSON."""
    s3, names = shop.sandbox.client("s3"), []
    for name, function_arn, given, rule_arn in nights(shop.sandbox):
        if rule_arn:
            expect_let_in(shop.sandbox, function_arn, rule_arn)
        for key in reports(s3):
            s3.delete_object(Bucket=REPORTS, Key=key)
        begun = datetime.now(UTC)
        result = shop.sandbox.invoke(
            function_arn, json.loads(given) if given else scheduled_event(begun, rule_arn)
        )
        said = result.payload.get("errorMessage") if type(result.payload) is dict else result.payload
        expect_true(
            result.function_error is None,
            wanted="a night without an error",
            got=f"{said}{shop.refusals(begun.timestamp())}",
            look_at=f"the function that {name} calls, and its role",
        )
        names = reports(s3)
        days = [
            f"reports/{day:%Y-%m-%d}.json" for day in (begun, datetime.now(UTC))
        ]  # midnight may just have been
        found = [key for key in names if key in days]
        if found:
            return read(s3, found[-1])
    got = names or "no object below reports/"
    return wanted(f"{days[-1]} in the bucket {REPORTS}", got, "wish 9: the bucket, and the key of the object")


def reports(s3):
    try:
        found = s3.list_objects_v2(Bucket=REPORTS, Prefix="reports/")
    except ClientError:
        wanted(f"the bucket {REPORTS}", "there is none", "the cell with what is there already")
    return [each["Key"] for each in found.get("Contents", ())]


def read(s3, key):
    text = s3.get_object(Bucket=REPORTS, Key=key)["Body"].read(100_000).decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def nights(sandbox):
    """Return what calls a function once a day: its name, the function's ARN, the event that it gives, and a rule's ARN.

    The event is empty where it is the scheduled event itself, and the ARN where it is no rule but a schedule of the Scheduler.
    """
    events, scheduler, every, found = sandbox.client("events"), sandbox.client("scheduler"), [], []
    for rule in events.list_rules()["Rules"]:
        when = rule.get("ScheduleExpression")
        if when and rule["State"] == "ENABLED":
            every.append(f"{rule['Name']}: {when}")
            targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"] if daily(when) else []
            found += [(rule["Name"], each["Arn"], each.get("Input", ""), rule["Arn"]) for each in targets]
    for each in scheduler.list_schedules()["Schedules"]:
        one = scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"])
        every.append(f"{one['Name']}: {one['ScheduleExpression']}")
        if one["State"] == "ENABLED" and daily(one["ScheduleExpression"]):
            found.append((one["Name"], one["Target"]["Arn"], one["Target"].get("Input", "{}"), ""))
    found = [each for each in found if ":lambda:" in each[1]]
    got = every or "there is none"
    expect_true(
        bool(found), wanted="a schedule that calls a function once a day", got=got, look_at=LOOK_AT_NIGHT
    )
    return found


def daily(expression):
    """Return whether a schedule's expression means once a day."""
    if expression in ("rate(1 day)", "rate(24 hours)", "rate(1440 minutes)"):
        return True
    found = re.fullmatch(r"cron\(\d+ \d+ (\S+) (\S+) (\S+) (\S+)\)", expression)
    every_day = {("*", "?"), ("?", "*"), ("?", "SUN-SAT"), ("?", "MON-SUN"), ("?", "1-7")}
    return found is not None and (found[1], found[3]) in every_day and (found[2], found[4]) == ("*", "*")


def scheduled_event(now, rule_arn):
    """Return what a rule with a schedule hands to its target."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [rule_arn],
        "detail": {},
    }


def expect_let_in(sandbox, function_arn, rule_arn):
    """Fail the check unless the function's own policy lets EventBridge in on behalf of that rule."""
    name, _, qualifier = function_arn.split(":function:")[1].partition(":")
    asked = {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}
    try:
        statements = json.loads(sandbox.client("lambda").get_policy(**asked)["Policy"])["Statement"]
    except ClientError:
        statements = []
    sources = []
    for each in statements:
        if each.get("Principal") in ({"Service": "events.amazonaws.com"}, "*"):
            conditions = [pair for values in each.get("Condition", {}).values() for pair in values.items()]
            sources += [str(value) for key, value in conditions if key.lower() == "aws:sourcearn"] or ["*"]
    expect_true(
        any(fnmatch.fnmatchcase(rule_arn, pattern) for pattern in sources),
        wanted=f"a permission of {name} for {rule_arn}",
        got=sources or "no statement for events.amazonaws.com",
        look_at=LOOK_AT_NIGHT,
    )


@pytest.mark.points(3)
def test_roles_are_small(shop, seeded):
    """Wishes 5 and 10: a role for each function, none larger than its work, and the door may not touch the stock

    Whoever gets into one of the functions gets as far as its role, and the door is where strangers knock.
    """
    own, front = shop.functions(), shop.doors()
    expect_true(
        len(own) >= 2 and bool(front & set(own)),
        wanted="a function that answers at the door, and one behind it",
        got=sorted(own),
        look_at="wishes 1 and 5",
    )
    for name, role in own.items():
        shared = sorted(other for other, theirs in own.items() if theirs == role)
        got = f"{role.split('/')[-1]} is the role of {' and '.join(shared)}"
        expect_true(shared == [name], wanted=f"a role of its own for {name}", got=got, look_at="wish 10")
    calls = {
        name: [*nobodys(seeded), *(doormens() if name in front else behind_the_door())]
        for name in sorted(own)
    }
    with ThreadPoolExecutor(3) as hands:
        results = list(hands.map(lambda name: allowed(shop.sandbox, own[name], calls[name]), calls))
    for name, got in zip(calls, results, strict=True):
        for (service, call, parameters), may in zip(calls[name], got, strict=True):
            what = f"{service}.{call}({str(next(iter(parameters.values()), ''))[:90]})"
            expect_true(
                may is False,
                wanted=f"a role of {name} that does not allow {what}",
                got="it is allowed",
                look_at="wishes 5 and 10: actions by name, resources by ARN, and no wildcard",
            )


ITEM = {"sku": {"S": "probe"}}
NEVER = {"ConditionExpression": "attribute_exists(nowhere)"}  # what is let through shall change nothing


def nobodys(seeded):
    """Return calls that no function of the shop has any reason for."""
    other = seeded.choice(["Customers", f"Orders{seeded.randint(2, 9)}", "Products-old"])
    return [
        ["dynamodb", "delete_item", {"TableName": "Products", "Key": ITEM, **NEVER}],
        ["dynamodb", "put_item", {"TableName": "Tokens", "Item": {"token": {"S": "probe"}}, **NEVER}],
        ["dynamodb", "get_item", {"TableName": other, "Key": ITEM}],
        ["dynamodb", "delete_table", {"TableName": f"Probe-{seeded.randrange(10**6)}"}],
        ["s3", "list_buckets", {}],
        ["s3", "put_object", {"Bucket": f"cloudberry-backup-{seeded.randrange(10**6)}", "Key": "probe"}],
        ["s3", "delete_object", {"Bucket": REPORTS, "Key": "reports/probe.json"}],
        ["sns", "publish", {"TopicArn": f"{NEWS}-{seeded.randint(2, 9)}", "Message": "probe"}],
        ["sqs", "list_queues", {}],
        ["secretsmanager", "list_secrets", {}],
        ["iam", "list_roles", {}],
        ["lambda", "list_functions", {}],
    ]


def doormens():
    """Return calls for which the function at the door has no reason."""
    add = {"UpdateExpression": "SET stock = :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    return [
        ["dynamodb", "update_item", {"TableName": "Products", "Key": ITEM, **add, **NEVER}],
        ["dynamodb", "put_item", {"TableName": "Products", "Item": ITEM, **NEVER}],
        ["s3", "put_object", {"Bucket": REPORTS, "Key": "probe"}],
    ]


def behind_the_door():
    """Return calls for which only the doorman, or who stands at the door, has a reason."""
    return [["dynamodb", "get_item", {"TableName": "Tokens", "Key": {"token": {"S": "probe"}}}]]


def allowed(sandbox, role, calls):
    """Return of each call whether a function with that role is let through."""
    probe = f"probe-{time.monotonic_ns()}"
    sandbox.deploy(probe, PROBE, Role=role, MemorySize=1769, Timeout=50)
    try:
        got = sandbox.invoke(probe, {"calls": calls}).payload
    finally:
        sandbox.client("lambda").delete_function(FunctionName=probe)
    expect_true(
        type(got) is list,
        wanted="a role that Lambda may take",
        got=got,
        look_at=f"the trust policy of {role}",
    )
    return got


@pytest.mark.points(2)
def test_the_month_is_worked_out(submission, sandbox):
    """The bill: what Lambda and the HTTP API cost in a month of 300,000 orders

    Two meters for Lambda and one for the door, and all of it together is less than an hour of anybody's work.
    """
    bill, look_at = submission.literal("bill"), "the cell that shows warm calls"
    sizes = {each["MemorySize"] for each in sandbox.client("lambda").list_functions()["Functions"]}
    for name in ["door_billed_ms", "storehouse_billed_ms"]:
        good = type(bill[name]) is int and 1 <= bill[name] <= 30_000
        expect_true(good, wanted=f"{name}: a whole number of milliseconds", got=bill[name], look_at=look_at)
    for name in ["door_memory_mb", "storehouse_memory_mb"]:
        good = type(bill[name]) is int and bill[name] in sizes
        expect_true(
            good, wanted=f"{name}: the memory of one of your functions", got=bill[name], look_at=look_at
        )
    door_ms, storehouse_ms = bill["door_billed_ms"], bill["storehouse_billed_ms"]
    door_mb, storehouse_mb = bill["door_memory_mb"], bill["storehouse_memory_mb"]
    orders, asked = 300_000, 1_200_000
    gb_seconds = (asked * door_ms * door_mb + orders * storehouse_ms * storehouse_mb) / 1000 / 1024
    right = {"lambda_usd": (asked + orders) * 0.20 / 1e6 + gb_seconds * 0.0000166667, "http_api_usd": 1.2}
    for name, usd in right.items():
        near = (
            type(bill[name]) in (int, float) and math.isfinite(bill[name]) and abs(bill[name] - usd) < 0.0101
        )
        expect_true(
            near,
            wanted=f"{name} for {door_ms} ms at {door_mb} MB and {storehouse_ms} ms at {storehouse_mb} MB",
            got=bill[name],
            look_at="1.2 million requests at the door and 0.3 million behind it; GB-seconds are MB / 1024 x seconds",
        )
