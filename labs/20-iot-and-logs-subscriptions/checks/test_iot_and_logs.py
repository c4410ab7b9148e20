"""What lab 20 asks for: a rule that picks warm freezers, lines that a program can read, and a watch over two logs."""

from __future__ import annotations

import base64
import gzip
import json
import time
import weakref

import pytest
from botocore.exceptions import ClientError

from autograder.checks import CheckFailed, expect, expect_true, shown, wanted
from autograder.checks_asking import (
    call,
    configuration_of,
    expect_guesses,
    expect_observed,
    json_lines,
    losses,
    require_function,
    table_items,
    until,
)

FREEZER, TILL, WATCH = "cloudberry-freezer", "cloudberry-till", "cloudberry-watch"
FIELDS = ("level", "shop", "freezer", "degrees")
SECONDS_OF_A_DAY = 86_400
# Tells what a rule hands over, whatever the learner's function makes of it.
PROBE_SOURCE = """
import json


def handler(event, context):
    print("PROBED " + json.dumps(event))
"""
# What came of a reading's way from its topic into the log: asked once, since it takes its time where something is wrong.
ways = weakref.WeakKeyDictionary()
SQL_LOOK_AT = "gap 3, the SQL: FROM, then WHERE (with the message's own names), then each name behind AS"
LINE_LOOK_AT = "gap 1 (float makes a number of a text) and gap 2 (ALARM from -5 up)"
PACKET_LOOK_AT = "the handler of the watch: base64, then gzip, then JSON, then each of logEvents"


def publish(sandbox, topic, message):
    """Say something on a topic, as a device does."""
    sandbox.client("iot-data").publish(topic=topic, qos=1, payload=json.dumps(message))


def report(sandbox, shop, freezer, temperature):
    """Publish what a freezer says once a minute."""
    publish(sandbox, f"cloudberry/{shop}/freezers/{freezer}", {"temperature": temperature, "door": "shut"})


def log_of(sandbox, function):
    """Return all lines of a function's log."""
    try:
        pages = sandbox.client("logs").get_paginator("filter_log_events")
        found = [page["events"] for page in pages.paginate(logGroupName=f"/aws/lambda/{function}")]
    except ClientError:
        return []  # it has not run yet
    return [event["message"] for page in found for event in page]


def readings(sandbox, shop):
    """Return the lines of JSON that cloudberry-freezer has printed about one shop."""
    return [line for line in json_lines("\n".join(log_of(sandbox, FREEZER))) if line.get("shop") == shop]


def brief(lines, *names):
    """Return these fields of each line or event, sorted."""
    return sorted(([line.get(name) for name in names] for line in lines), key=str)


def require_rule(sandbox):
    """Return the rule that starts cloudberry-freezer, as IoT describes it; raises CheckFailed if there is none."""
    require_function(sandbox, FREEZER, "the cell with gaps 3 and 4")
    iot, names = sandbox.client("iot"), []
    for each in iot.list_topic_rules()["rules"]:
        found = iot.get_topic_rule(ruleName=each["ruleName"])
        targets = [action.get("lambda", {}).get("functionArn", "") for action in found["rule"]["actions"]]
        if (
            any(target.split(":")[6:7] == [FREEZER] for target in targets)
            and not found["rule"]["ruleDisabled"]
        ):
            return found
        names.append(each["ruleName"])
    return wanted(
        f"a rule of IoT whose action is {FREEZER}",
        f"the rules {', '.join(names)}" if names else "there is no rule",
        "gap 3: the cell makes the rule once the SQL says something",
    )


def require_way(sandbox):
    """Fail the check unless a warm reading gets from its topic into the log of cloudberry-freezer."""
    if sandbox not in ways:
        try:
            ways[sandbox] = walk(sandbox)
        except CheckFailed as failure:
            ways[sandbox] = failure
    if ways[sandbox] is not None:
        raise ways[sandbox]


def walk(sandbox):
    """Publish a warm reading and wait for its line; raises CheckFailed at the first thing that is missing."""
    require_function(sandbox, FREEZER, "the cell with gaps 3 and 4")
    expect_line(sandbox, reading("check", "f-0", -12.5), -12.5, "WARN")
    shop = f"way-{time.monotonic_ns()}"
    rule_arn = require_rule(sandbox)["ruleArn"]
    lost = losses(sandbox, FREEZER, f"gap 4: permit, with the rule's ARN; and {SQL_LOOK_AT}", rule_arn)
    report(sandbox, shop, "f-1", -12.5)
    if not until(lambda: readings(sandbox, shop), timeout_s=12, unless=lost):
        last = [line for line in log_of(sandbox, FREEZER) if line.startswith("{")][-2:]
        wanted(
            f"a line about the shop {shop}, of -12.5 degrees on cloudberry/{shop}/freezers/f-1",
            f"none; the last lines are {shown(last)}" if last else "there is no line at all",
            SQL_LOOK_AT,
        )


def picked(sandbox, say, count):
    """Return the events that the learner's rule makes of what ``say()`` publishes, by a copy of it that calls a probe.

    ``count`` is how many there should be, and so how many to wait for.
    """
    rule, iot, functions = require_rule(sandbox)["rule"], sandbox.client("iot"), sandbox.client("lambda")
    name = f"copy_{time.monotonic_ns()}"
    sandbox.deploy(name, PROBE_SOURCE)
    functions.add_permission(
        FunctionName=name, StatementId="iot", Action="lambda:InvokeFunction", Principal="iot.amazonaws.com"
    )
    action = {"lambda": {"functionArn": configuration_of(sandbox, name)["FunctionArn"]}}
    for each, sql in [(name, rule["sql"]), (f"{name}_end", f"SELECT marker FROM '{name}'")]:
        iot.create_topic_rule(ruleName=each, topicRulePayload={"sql": sql, "actions": [action]})

    def marked(marker):
        return any(event == {"marker": marker} for event in probed(sandbox, name))

    say()
    # Markers come behind all others. The second finds a warm environment: what is slow comes before it.
    for marker in (1, 2):
        publish(sandbox, name, {"marker": marker})
        if not until(
            lambda n=marker: marked(n) and len(probed(sandbox, name)) >= count + n, timeout_s=8 / marker
        ):
            break
    for each in (name, f"{name}_end"):
        iot.delete_topic_rule(ruleName=each)
    return [event for event in probed(sandbox, name) if "marker" not in event]


def probed(sandbox, name):
    """Return what a probe has been handed; what is no object counts as one without fields."""
    found = [json.loads(line[7:]) for line in log_of(sandbox, name) if line.startswith("PROBED ")]
    return [event if type(event) is dict else {} for event in found]


def reading(shop, freezer, degrees):
    """Return the event that the rule is to make."""
    return {"shop": shop, "freezer": freezer, "degrees": degrees, "at": 1795339200000}


def expect_line(sandbox, event, degrees, level):
    """Fail the check unless the function prints just one line of JSON for a reading, and the right one."""
    log = call(sandbox, FREEZER, event, LINE_LOOK_AT).log
    found = [line for line in json_lines(log) if "freezer" in line]
    lambdas_own = ("START", "END", "REPORT", "INIT_", "SANDBOX")
    own = [line for line in log.splitlines() if not line.startswith(lambdas_own)]
    expect_true(
        len(found) == 1,
        wanted=f"one line of JSON for the reading {shown(event)}",
        got=f"the lines {shown(own)}" if own else "it prints nothing",
        look_at="print(json.dumps(line)): what print writes is a line as it stands",
    )
    right = {"level": level, "shop": event["shop"], "freezer": event["freezer"], "degrees": degrees}
    expect(
        {name: found[0].get(name) for name in FIELDS},
        wanted=right,
        look_at=f"the line for the reading {shown(event)}: {LINE_LOOK_AT}",
        numbers_alike=True,
    )


def packet(function, lines, kind="DATA_MESSAGE"):
    """Return the event of a subscription: ``lines`` are pairs of id and text."""
    events = [{"id": key, "timestamp": int(time.time() * 1000), "message": text} for key, text in lines]
    document = {
        "messageType": kind,
        "owner": "000000000000",
        "logGroup": f"/aws/lambda/{function}",
        "logStream": "2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["watch"],
        "logEvents": events,
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()}}


def control():
    """Return the event by which CloudWatch Logs looks whether anybody is in."""
    text = "CWL CONTROL MESSAGE: Checking health of destination Lambda."
    document = {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [{"id": "", "timestamp": int(time.time() * 1000), "message": text}],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()}}


def send(sandbox, event, what):
    """Hand the watch a packet; fail the check if it raises, and say of what the packet was."""
    require_function(sandbox, WATCH, "the cell where you deploy the watch")
    result = sandbox.invoke(WATCH, event)
    error = result.payload if type(result.payload) is dict else {}
    expect_true(
        result.function_error is None,
        wanted=f"a watch that does not raise at {what}",
        got=f"{error.get('errorType')}: {error.get('errorMessage')}",
        look_at=PACKET_LOOK_AT,
    )


def expect_noted(sandbox, right):
    """Fail the check at the first line that the table does not have as it should: function and text by id."""
    found = noted(sandbox, right)
    look_at = f"the item of each line: its id, function and line; and {PACKET_LOOK_AT}"
    for key, values in right.items():
        item = dict(zip(("id", "function", "line"), [key, *values], strict=True))
        expect_true(
            key in found,
            wanted=f"the item {shown(item)}",
            got="the table Noted has none with that id",
            look_at=look_at,
        )
        got = dict(zip(("id", "function", "line"), [key, *found[key]], strict=True))
        expect(got, wanted=item, look_at=look_at)


def expect_packet_noted(sandbox, number):
    """Fail the check unless a packet of two lines becomes two items, and a control message none and no error."""
    lines = [
        (f"{number}{1:055d}", '{"level": "ALARM", "freezer": "f-1"}'),
        (f"{number}{2:055d}", "[ERROR] KeyError: 'cloudberries'"),
    ]
    send(sandbox, control(), "a control message")
    send(sandbox, packet("cloudberry-check", lines), "a packet of two lines")
    expect_noted(sandbox, {key: ["cloudberry-check", text] for key, text in lines})


def noted(sandbox, ids):
    """Return what the table has of these lines: function and text by id."""
    found = {item["id"]: [item.get("function"), item.get("line")] for item in table_items(sandbox, "Noted")}
    return {key: found[key] for key in ids if key in found}


def noted_texts(sandbox, function, part):
    """Return the lines of a function, as noted, that hold a text, sorted."""
    items = table_items(sandbox, "Noted")
    return sorted(
        item.get("line", "")
        for item in items
        if item.get("function") == function and part in item.get("line", "")
    )


def patterns_of(sandbox, function):
    """Return the patterns by which a function's log is sent to the watch; raises CheckFailed if there is none."""
    try:
        asked = sandbox.client("logs").describe_subscription_filters(logGroupName=f"/aws/lambda/{function}")
        filters = asked["subscriptionFilters"]
    except ClientError:
        filters = []
    own = [each for each in filters if each["destinationArn"].split(":")[6] == WATCH]
    expect_true(
        bool(own),
        wanted=f"a subscription filter of the log group /aws/lambda/{function} with the destination {WATCH}",
        got=[each["destinationArn"] for each in filters],
        look_at="permit and subscribe, once for each of the two groups",
    )
    return [each["filterPattern"] for each in own]


def expect_taken(sandbox, function, lines, right, look_at):
    """Fail the check unless the filters of a function's log take just the lines ``right`` of ``lines``."""
    patterns, taken = patterns_of(sandbox, function), set()
    for pattern in patterns:
        found = sandbox.client("logs").test_metric_filter(filterPattern=pattern, logEventMessages=lines)
        taken |= {match["eventMessage"] for match in found["matches"]}
    for line in lines:
        expect_true(
            (line in taken) is (line in right),
            wanted=f"a filter that {'takes' if line in right else 'leaves out'} the line {line}",
            got=f"with the pattern {' and '.join(map(repr, patterns))} it is {'taken' if line in taken else 'left out'}",
            look_at=look_at,
        )


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"keys_in_the_event": int, "a_misspelt_field_is_refused": bool, "lambda_stops_the_loop": bool},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what a rule makes, what nobody is told, and what nobody stops

    Services that take a connection without trying it fail in silence. That is why the first message of a new
    rule should be one that must arrive.
    """
    right = [
        ("publish_said", 200, "the first line under 'Example: a rule'"),
        ("keys_in_the_event", 1, "the list of seven rules: count the keys in the line below the first"),
        ("a_misspelt_field_was_refused", False, "the last of the seven rules, and what is said below it"),
        ("torn_reading_was_heard", 3, "the line 'the reading was heard ... times'"),
        ("first_message_type", "CONTROL_MESSAGE", "the first document that was unpacked"),
        (
            "lambda_stopped_the_loop",
            False,
            "'Loops': how often each of the two spoke, and how large the fuse is",
        ),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_readings_become_lines(sandbox):
    """A reading becomes one line of JSON, with a level

    A line that a program can read is an interface: whoever reads the log need not know the function.
    """
    require_function(sandbox, FREEZER, "the cell with gaps 3 and 4")
    expect_line(sandbox, reading("check", "f-1", -12.5), -12.5, "WARN")
    expect_line(sandbox, reading("check", "f-2", 3.5), 3.5, "ALARM")
    expect_line(sandbox, reading("check", "f-3", "-3.5"), -3.5, "ALARM")


@pytest.mark.points(2)
@pytest.mark.held
def test_readings_at_the_border_become_the_right_lines(sandbox, seeded):
    """Readings just below and above -5 degrees, as numbers and as texts, get the right level"""
    require_function(sandbox, FREEZER, "the cell with gaps 3 and 4")
    degrees = [-5, -5.01, -4.99, 0, round(seeded.uniform(-14, -6), 2), round(seeded.uniform(-4, 20), 2)]
    seeded.shuffle(degrees)
    for n, each in enumerate(degrees):
        shop = seeded.choice(["umea", "kiruna", "luleå", "shop 7"])
        said = str(each) if n % 2 else each
        event = reading(shop, f"f-{seeded.randrange(10**6)}", said)
        expect_line(sandbox, event, each, "ALARM" if each >= -5 else "WARN")


@pytest.mark.points(2)
def test_rule_picks_the_warm_freezers(sandbox):
    """Of five messages, the function is handed the reading of the warm freezer

    What the rule leaves out is not invoked and not billed, and the function has no case for it.
    """
    require_way(sandbox)

    def say():
        report(sandbox, "check-rule", "f-1", -18.5)
        publish(sandbox, "cloudberry/check-rule/doors/d-1", {"temperature": 15, "door": "open"})
        publish(sandbox, "cloudberry/check-rule/freezers/f-2/battery", {"temperature": 15, "volts": 2.9})
        publish(sandbox, "cloudberry/check-rule/freezers/f-3", {"door": "open"})
        report(sandbox, "check-rule", "f-4", -12.5)

    found = picked(sandbox, say, 1)
    expect(
        brief(found, "shop", "freezer", "degrees"),
        wanted=[["check-rule", "f-4", -12.5]],
        look_at=SQL_LOOK_AT,
        numbers_alike=True,
    )
    at = found[0].get("at")
    expect_true(
        type(at) is int and abs(at / 1000 - time.time()) < SECONDS_OF_A_DAY,
        wanted="at: when the message came, in milliseconds since 1970",
        got=at,
        look_at="timestamp() AS at, in the SELECT",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_rule_is_right_for_any_message(sandbox, seeded):
    """Readings at the border, texts, other topics and readings without a temperature are told apart"""
    require_function(sandbox, FREEZER, "the cell with gaps 3 and 4")
    shop, right = f"held-{seeded.randrange(10**9)}", []
    temperatures = [-15, -14.99, -15.01, "-14.5", "-15.5", "-15", 4, None]
    temperatures += [round(seeded.uniform(-30, 10), 2) for _ in range(4)]
    seeded.shuffle(temperatures)
    other = seeded.choice(["battery", "door", "lamp"])

    def say():
        for n, temperature in enumerate(temperatures):
            report(sandbox, shop, f"f-{n:02}", temperature)
        for topic in [
            f"cloudberry/{shop}/freezers",
            f"cloudberry/{shop}/doors/f-90",
            f"cloudberry/{shop}/freezers/f-91/{other}",
            f"cloudbury/{shop}/freezers/f-92",
            f"cloudberry/north/{shop}/freezers/f-93",
        ]:
            publish(sandbox, topic, {"temperature": seeded.randint(1, 20)})

    for n, temperature in enumerate(temperatures):
        if temperature is not None and float(temperature) > -15:
            right.append([shop, f"f-{n:02}", temperature])
    found = picked(sandbox, say, len(right))
    expect(
        brief(found, "shop", "freezer", "degrees"),
        wanted=sorted(right, key=str),
        look_at=SQL_LOOK_AT,
        numbers_alike=True,
    )


@pytest.mark.points(2)
def test_other_rules_may_not_call(sandbox, seeded):
    """Another rule that names the function as its action is turned away, and the right one is let in

    AWS IoT calls for every rule of everybody. The source in the permission says for which one.
    """
    require_way(sandbox)  # the right one
    arn = configuration_of(sandbox, FREEZER)["FunctionArn"]
    number = seeded.randrange(10**9)
    name = f"mischief_{number}"
    made = f"SELECT 'wrong-{number}' AS shop, 'f-1' AS freezer, 3 AS degrees, timestamp() AS at FROM '{name}'"
    iot = sandbox.client("iot")
    action = {"lambda": {"functionArn": arn}}
    iot.create_topic_rule(ruleName=name, topicRulePayload={"sql": made, "actions": [action]})

    def turned_away():
        return [row for row in sandbox.history()["deliveries"] if f":rule/{name})" in row["why"]]

    try:
        publish(sandbox, name, {})
        until(lambda: turned_away() or readings(sandbox, f"wrong-{number}"), timeout_s=10)
    finally:
        iot.delete_topic_rule(ruleName=name)
    expect_true(
        not readings(sandbox, f"wrong-{number}"),
        wanted=f"one rule that may call {FREEZER}",
        got=f"a rule of somebody else, {name}, has called it",
        look_at="gap 4: the source is rule_arn, without a star, and no older statement lets in more",
    )


@pytest.mark.points(2)
def test_watch_notes_lines(sandbox):
    """A packet of two lines becomes two items, and a control message none

    What arrives is packed for the journey. A handler that unpacks, loops, and shrugs at a control message
    is all that a subscription asks for.
    """
    expect_packet_noted(sandbox, 1)


@pytest.mark.points(3)
@pytest.mark.held
def test_watch_holds_against_anything(sandbox, seeded):
    """Long packets, odd lines, other functions and packets that come twice are noted right, and once"""
    require_function(sandbox, WATCH, "the cell where you deploy the watch")
    run, number, right = seeded.randrange(10**9), 0, {}
    words = [
        "[ERROR] ValueError: x\rTraceback (most recent call last):\r  File app.py",
        '{"level": "ALARM", "shop": "luleå", "degrees": 3}',
        "[1, 2]",
        "7",
        "{not JSON",
        "漿果 is out",
        "CONTROL_MESSAGE ERROR",
        "  spaces  ",
    ]
    packets = []
    for length in [seeded.randint(26, 40), seeded.randint(1, 5), 0]:
        function, lines = f"cloudberry-{seeded.choice(['till', 'freezer', 'lambda', 'mail'])}", []
        for _ in range(length):
            number += 1
            key = f"{run:010d}{number:046d}"
            lines.append((key, seeded.choice(words)))
            right[key] = [function, lines[-1][1]]
        packets.append((packet(function, lines), f"a packet of {length} lines"))
    for event, what in [packets[0], *packets, (control(), "a control message")]:
        send(sandbox, event, what)
    expect_noted(sandbox, right)
    before = len(table_items(sandbox, "Noted"))
    send(sandbox, packets[0][0], "a packet that it has had")
    expect_true(
        len(table_items(sandbox, "Noted")) == before,
        wanted="as many items as before when the same packet comes again",
        got=f"{len(table_items(sandbox, 'Noted')) - before} more",
        look_at="the key of an item: the id of the line",
    )


@pytest.mark.points(3)
def test_what_matters_gets_to_the_owner(sandbox):
    """A freezer that thaws and a till that fails are both in the table, and nothing else is

    From a radio message to a telephone: two services, three functions, and no server that anybody has to
    keep awake.
    """
    expect_packet_noted(sandbox, 2)
    for function in (FREEZER, TILL):
        patterns_of(sandbox, function)
    require_way(sandbox)
    shop, sku = "check-way", f"berries-{time.monotonic_ns()}"
    lost = losses(sandbox, WATCH, "permit, with the ARN of the log group, :* at its end")
    report(sandbox, shop, "f-1", -12.5)
    report(sandbox, shop, "f-2", 4.5)
    sandbox.invoke(TILL, {"sku": "jam"})
    sandbox.invoke(TILL, {"sku": sku})

    def seen():
        return [noted_texts(sandbox, FREEZER, shop), noted_texts(sandbox, TILL, sku)]

    until(lambda: all(seen()), timeout_s=12, unless=lost)
    alarms, errors = seen()
    expect(
        brief(json_lines("\n".join(alarms)), "freezer", "degrees", "level"),
        wanted=[["f-2", 4.5, "ALARM"]],
        look_at=f"the filter on the log of {FREEZER}; where a line comes twice, two rules may start the function",
        numbers_alike=True,
    )
    expect_true(
        len(errors) == 1 and errors[0].startswith("[ERROR] KeyError"),
        wanted="one line of the till, the [ERROR]",
        got=errors,
        look_at=f"the filter on the log of {TILL}: it tells ERROR from the other lines",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_filters_take_what_matters_and_nothing_else(sandbox, seeded):
    """The filters take alarms and errors, and leave out what only looks like them"""
    place = seeded.choice(["umea", "kiruna", "luleå"])
    about = {"shop": place, "degrees": round(seeded.uniform(-14, 9), 1), "at": 1795339200000}
    alarms = [
        json.dumps({"level": "ALARM", **about, "freezer": f"f-{seeded.randrange(10**6)}"}),
        json.dumps({"level": "ALARM", **about, "freezer": "WARN-1"}),
    ]
    others = [
        json.dumps({"level": "WARN", **about, "freezer": "f-7"}),
        json.dumps({"level": "WARN", **about, "freezer": "ALARM-1"}),
        "START RequestId: 5b1c1c4e-0000-4000-8000-000000000000 Version: $LATEST",
        "REPORT RequestId: 5b1c1c4e-0000-4000-8000-000000000000\tDuration: 1.10 ms\tBilled Duration: 2 ms",
    ]
    expect_taken(sandbox, FREEZER, [*alarms, *others], alarms, 'the field: { $.level = "ALARM" }')
    kind = seeded.choice(["KeyError", "ValueError", "TimeoutError"])
    errors = [f"[ERROR] {kind}: {seeded.randrange(10**6)}\rTraceback (most recent call last):"]
    others = [
        "asked for jam",
        f"sold tea for {seeded.randint(1, 9_999)}",
        "no error at all",
        f"REPORT RequestId: 5b1c1c4e-0000-4000-8000-000000000000\tStatus: error\tError Type: {kind}",
    ]
    expect_taken(sandbox, TILL, [*errors, *others], errors, "the word ERROR: capitals count")
