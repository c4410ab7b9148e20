"""What lab 23 asks for: a gift card repaired, and an order that waits, is undone, and survives the death of its process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
import uuid
import weakref
import zipfile
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    answer_of,
    configuration_of,
    expect_guesses,
    expect_observed,
    in_place_of,
    until,
)

GIFT = "cloudberry-gift"
ORDER = "cloudberry-order"
CHECKOUT = "cloudberry-checkout"
DAY_S = 86_400
MOST_BYTES = 10_000_000
SETTLED_S = 25.0
runs = weakref.WeakKeyDictionary()

# The checks' own world, in place of shop.py and press.py. A plan for each order says what is to go wrong: "die" right after
# these calls, the first time; "busy": how often there is no driver for a sku; "nobody" carries these; "jams" of the printer.
WORLD = """
import hashlib
import json
import os
import time

import boto3

dynamodb = boto3.client("dynamodb")


class CourierBusy(Exception):
    pass


class NoCourier(Exception):
    pass


class Jammed(Exception):
    pass


def reserve(order_id):
    note(order_id, "reserve")


def release(order_id):
    note(order_id, "release")


def charge(order_id, cents):
    times, plan = note(order_id, "charge", cents)
    if plan.get("declined"):
        raise RuntimeError("declined")
    return code(plan, order_id, "receipt")


def refund(order_id, receipt):
    note(order_id, "refund", receipt)


def ask(order_id, callback_id):
    note(order_id, "ask", callback_id)


def book(order_id, sku):
    times, plan = note(order_id, "book", sku)
    if sku in plan.get("nobody", ()):
        raise NoCourier(sku)
    if times <= plan.get("busy", {}).get(sku, 0):
        raise CourierBusy(sku)
    return code(plan, order_id, sku)


def unbook(order_id, label):
    note(order_id, "unbook", label)


def print_card(order_id, code):
    times, plan = note(order_id, "print", code)
    if times <= plan.get("jams", 0):
        raise Jammed(order_id)


def mail(order_id, code):
    note(order_id, "mail", code)


def note(order_id, what, detail=""):
    values = {"order_id": order_id, "at": str(time.time_ns()), "what": what, "detail": str(detail)}
    dynamodb.put_item(TableName="LEDGER", Item={name: {"S": value} for name, value in values.items()})
    key = {"order_id": {"S": order_id}}
    plan = json.loads(dynamodb.get_item(TableName="PLANS", Key=key)["Item"]["plan"]["S"])
    found = dynamodb.query(
        TableName="LEDGER",
        ConsistentRead=True,
        KeyConditionExpression="order_id = :o",
        ExpressionAttributeValues={":o": {"S": order_id}},
    )["Items"]
    times = sum((item["what"], item["detail"]) == ({"S": what}, {"S": str(detail)}) for item in found)
    if what in ("print", "mail", "charge"):
        times = sum(item["what"] == {"S": what} for item in found)
    if times == 1 and (what in plan.get("die", ()) or f"{what} {detail}" in plan.get("die", ())):
        os._exit(1)
    return times, plan


def code(plan, *parts):
    return hashlib.sha256("/".join([plan["salt"], *parts]).encode()).hexdigest()[:8]
"""


class Life:
    """One execution of a learner's handler beside the checks' world, from its start to its end."""

    def __init__(self, sandbox, function, order, **plan):
        self._sandbox, self._lambda = sandbox, sandbox.client("lambda")
        self.order, self.plan = order, {"salt": uuid.uuid4().hex, **plan}
        self.id = order["order_id"]
        in_world(sandbox, function)
        sandbox.client("dynamodb").put_item(
            TableName=table_of(sandbox, "plans"),
            Item={"order_id": {"S": self.id}, "plan": {"S": json.dumps(self.plan)}},
        )
        answer = self._lambda.invoke(
            FunctionName=f"{probe_of(sandbox, function)}:$LATEST",
            InvocationType="Event",
            DurableExecutionName=self.id,
            Payload=json.dumps(order),
        )
        self.arn = answer["DurableExecutionArn"]
        self.answered_at = 0.0

    def code(self, *parts):
        """Return what the world gave out for these words: a receipt or a label."""
        return hashlib.sha256("/".join([self.plan["salt"], self.id, *parts]).encode()).hexdigest()[:8]

    def now(self):
        return self._lambda.get_durable_execution(DurableExecutionArn=self.arn)

    def is_over(self):
        return self.now()["Status"] != "RUNNING"

    def answers(self, yes):
        """Answer for the owner, once asked and once the function waits for it; raises CheckFailed if it does not."""
        until(lambda: (self._asked() and self._suspended()) or self.is_over(), SETTLED_S)
        if not self._asked():
            look_at = (
                "shop.ask(order_id, callback_id), called by the function that is handed to wait_for_callback"
            )
            if self.now().get("Error"):
                look_at = f"the error that is named here; and sandbox.logs('{ORDER}') after the same order of your own"
            wanted("an owner who is asked", self.told(), look_at)
        if not self._suspended() or self.is_over():
            look_at = (
                "wait_for_callback, and what is caught around it: a bare except: swallows SuspendExecution"
            )
            wanted("an execution that waits for the owner's answer", self.told(), look_at)
        try:
            if yes:
                self._lambda.send_durable_execution_callback_success(CallbackId=self._asked(), Result=b"yes")
            else:
                error = {"ErrorType": "Refused", "ErrorMessage": "no"}
                self._lambda.send_durable_execution_callback_failure(CallbackId=self._asked(), Error=error)
        except ClientError as error:
            look_at = "which id is passed to shop.ask, and how long there is to answer: days_to_answer"
            wanted("a callback id that can be answered", error.response["Error"]["Code"], look_at)
        self.answered_at = time.time()
        return self

    def _suspended(self):
        """Whether a run has ended since the callback was made."""
        kinds = [each["EventType"] for each in self._history()]
        asked = kinds.index("CallbackStarted") if "CallbackStarted" in kinds else len(kinds)
        return "InvocationCompleted" in kinds[asked:]

    def _history(self):
        return self._lambda.get_durable_execution_history(DurableExecutionArn=self.arn, MaxItems=1000)[
            "Events"
        ]

    def _asked(self):
        return next((detail for _, what, detail in self._lines() if what == "ask"), "")

    def settle(self):
        """Wait for the end; return status and result. Raises CheckFailed if it does not come."""
        if not until(self.is_over, SETTLED_S):
            with contextlib.suppress(ClientError):  # it has ended in this moment
                self._lambda.stop_durable_execution(DurableExecutionArn=self.arn)
            wanted(
                f"an end of the execution within {SETTLED_S:.0f} s",
                f"it is still running after {self.did()}",
                "waits that are longer than asked for, or a callback without its timeout",
            )
        found = self.now()
        try:
            return found["Status"], json.loads(found.get("Result", "null"))
        except ValueError:
            return found["Status"], None

    def told(self):
        """Say in words where the execution stands."""
        found = self.now()
        error = found.get("Error", {})
        why = f" ({error.get('ErrorType')}: {error.get('ErrorMessage')})" if error else ""
        return f"the execution is {found['Status']}{why[:300]} after {self.did()}"

    def expect_result(self, result, look_at):
        """Pass if the execution succeeded with this result."""
        status, said = self.settle()
        expect_true(
            status == "SUCCEEDED", wanted="an execution that succeeds", got=self.told(), look_at=look_at
        )
        expect(said, wanted=result, look_at=look_at)

    def expect_deaths(self):
        """Pass if runs ended with their process as the plan has it: as Lambda saw it, whatever the process made of it."""
        ends = [
            each.get("Error", {}).get("Payload", {}).get("ErrorType")
            for each in self.events("InvocationCompleted")
        ]
        expect_true(
            ends.count("Runtime.ExitError") >= len(self.plan["die"]),
            wanted=f"a process that dies: {' and '.join(self.plan['die'])}",
            got=f"runs that ended with {[end or 'an answer' for end in ends]}",
            look_at="shop.py, press.py and os._exit: they stay as they are",
        )

    def _lines(self):
        found = self._sandbox.client("dynamodb").query(
            TableName=table_of(self._sandbox, "ledger"),
            ConsistentRead=True,
            KeyConditionExpression="order_id = :o",
            ExpressionAttributeValues={":o": {"S": self.id}},
        )["Items"]
        return [(int(item["at"]["S"]) / 1e9, item["what"]["S"], item["detail"]["S"]) for item in found]

    def did(self):
        """Return what was done in the world, in its order; the owner's callback id is left out."""
        return [what if what == "ask" else f"{what} {detail}".strip() for _, what, detail in self._lines()]

    def booked_at(self):
        return min((at for at, what, _ in self._lines() if what == "book"), default=0.0)

    def events(self, kind):
        """Return the details of the history's events of a kind."""
        return [each[f"{kind}Details"] for each in self._history() if each["EventType"] == kind]


def run_of(sandbox):
    """Return a word for what these checks make, which nobody could use before them."""
    return runs.setdefault(sandbox, uuid.uuid4().hex[:12])


def probe_of(sandbox, function):
    return f"{function.replace('cloudberry', 'check')}-{run_of(sandbox)}"


def table_of(sandbox, what):
    return f"check-{what}-{run_of(sandbox)}"


def in_world(sandbox, function):
    """Deploy a learner's durable function beside the checks' world, once."""
    if sandbox.has_function(probe_of(sandbox, function)):
        return
    config = configuration_of(sandbox, function).get("DurableConfig")
    expect_true(
        type(config) is dict,
        wanted=f"{function} as a durable function",
        got="a function without DurableConfig",
        look_at="DurableConfig=DURABLE where it is deployed; if it was created without, delete it first",
    )
    for what, keys in {"ledger": ("order_id", "at"), "plans": ("order_id",)}.items():
        make_table(sandbox, table_of(sandbox, what), keys)
    found = sandbox.client("lambda").get_function(FunctionName=function)
    with urlopen(f"{sandbox.url}{urlsplit(found['Code']['Location']).path}", timeout=20) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    world = WORLD.replace("LEDGER", table_of(sandbox, "ledger")).replace("PLANS", table_of(sandbox, "plans"))
    files = in_place_of(texts_of(archive, function), {"shop.py": world, "press.py": world})
    settings = {"MemorySize": 1769, "Timeout": 30, "DurableConfig": config}
    own = found["Configuration"]
    if "Environment" in own:
        settings["Environment"] = {"Variables": own["Environment"].get("Variables", {})}
    if own.get("Layers"):
        settings["Layers"] = [layer["Arn"] for layer in own["Layers"]]
    sandbox.deploy(
        probe_of(sandbox, function),
        files,
        Handler=own["Handler"],
        Runtime=own.get("Runtime", "python3.13"),
        **settings,
    )


def texts_of(archive, function):
    """Return the files of a package that are text; raises CheckFailed where there is too much of it."""
    files = {}
    room = MOST_BYTES
    for each in archive.namelist():
        with archive.open(each) as file:
            data = file.read(room + 1)
        room -= len(data)
        if room < 0:
            look_at = "the folder that is deployed: the SDK and boto3 are in the runtime already"
            wanted(
                f"a package of {function} with at most {MOST_BYTES // 10**6} MB", "more than that", look_at
            )
        with contextlib.suppress(UnicodeDecodeError):  # a picture, or Python's own byte code
            files[each] = data.decode()
    return files


def make_table(sandbox, name, keys):
    kinds = ("HASH", "RANGE")
    try:
        sandbox.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    except ClientError:
        return  # the other function's checks have made it


def gift(sandbox, **plan):
    """Start a gift card in the checks' world."""
    order = {"order_id": f"gift-{uuid.uuid4().hex[:8]}", "cents": 1000 + time.time_ns() % 9000}
    return Life(sandbox, GIFT, order, **plan)


def order(sandbox, skus, answer_days=60, thaw_days=1, cents=4900, **plan):
    """Start an order in the checks' world."""
    body = {"order_id": f"o-{uuid.uuid4().hex[:8]}", "cents": cents, "skus": skus}
    return Life(sandbox, ORDER, {**body, "days_to_answer": answer_days, "days_to_thaw": thaw_days}, **plan)


def expect_one_code(card, jams, look_at, mails=1):
    """Pass if print, mail and result of a gift card have one code; return it."""
    status, said = card.settle()
    expect_true(status == "SUCCEEDED", wanted="a gift card that is sent", got=card.told(), look_at=look_at)
    lines = [line.split() for line in card.did()]
    codes = [line[-1] for line in lines if line[0] in ("print", "mail")]
    told = said.get("code") if type(said) is dict else None
    expect_true(
        type(told) is str and len(codes) == jams + 1 + mails and set(codes) == {told},
        wanted=f"one code: {jams + 1} times to the printer, {mails} to the mail, and in the result",
        got=f"{card.did()}, and the result {json.dumps(said)[:200]}",
        look_at=look_at,
    )
    return told


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    kinds = {"handler_lines": int, "step_lines": int, "charges": int}
    expect_guesses(submission.literal("predict-1"), kinds)


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what ran again, what did not, and what a crash does to once

    A replay runs the whole handler and no step that is over. So what a log shows three times was outside, and
    what it shows once was inside.
    """
    right = [
        ("handler_lines", 3, "the log of cloudberry-cake: the lines that begin with HANDLER, of one cake"),
        ("step_lines", 1, "the same log: the lines that begin with STEP, of one cake"),
        ("operations", 4, "the cell with the bill, of one execution"),
        (
            "second_pause_minutes",
            30,
            "the history of cloudberry-oven: what stands behind the second StepFailed",
        ),
        ("charged_at_least_once", 2, "the cell that runs cloudberry-card"),
        ("charged_at_most_once", 1, "the cell that runs cloudberry-card"),
        (
            "code_for_another_payload",
            "DurableExecutionAlreadyStartedException",
            "'The same order twice': the last line",
        ),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_a_gift_card_has_one_code(sandbox):
    """A gift card's code is the same in print, in the mail and in the result, and no other card's

    A code that is made up between the steps is made up in each replay. In a step it is made up once, and read from then on.
    """
    look_at = "gap 1: where the code is made up: context.step(lambda _: …, name=…)"
    first, second = gift(sandbox, jams=1), gift(sandbox)
    codes = {expect_one_code(first, 1, look_at), expect_one_code(second, 0, look_at)}
    expect_true(len(codes) == 2, wanted="another code for another card", got=sorted(codes), look_at=look_at)


@pytest.mark.points(2)
def test_the_printer_gets_five_attempts(sandbox):
    """A card is tried five times, after pauses of 10, 20, 40 and 80 minutes

    Pauses that grow give whatever is broken time to be repaired, and cost nothing: nothing runs in them.
    """
    look_at = "gap 2: max_attempts, initial_delay, backoff_rate, max_delay (five minutes, if nothing is said), jitter_strategy"
    card = gift(sandbox, jams=9)
    status, _ = card.settle()
    prints = sum(line.startswith("print") for line in card.did())
    failed = [each.get("RetryDetails", {}) for each in card.events("StepFailed")]
    expect(
        {
            "prints": prints,
            "pauses in minutes": [
                each["NextAttemptDelaySeconds"] / 60 for each in failed if "NextAttemptDelaySeconds" in each
            ],
            "status": status,
        },
        wanted={"prints": 5, "pauses in minutes": [10, 20, 40, 80], "status": "FAILED"},
        look_at=look_at,
        numbers_alike=True,
    )


@pytest.mark.points(2)
def test_a_gift_card_is_charged_once_at_most(sandbox):
    """A process that dies after the charge, or a card that is declined, leads to no second charge

    This bank takes no key, so nobody can ask it whether the first charge went through. An execution that fails is at least
    seen by somebody.
    """
    look_at = "gap 3: step_semantics, and a retry_strategy that tries nothing again"
    dying, declined = gift(sandbox, die=["charge"]), gift(sandbox, declined=True)
    for card, what in ((dying, "dies right after the charge"), (declined, "gets an exception from the bank")):
        status, _ = card.settle()
        expect(
            {"status": status, "done": card.did()},
            wanted={"status": "FAILED", "done": [f"charge {card.order['cents']}"]},
            look_at=f"{look_at}; the process {what}",
        )
    dying.expect_deaths()


@pytest.mark.points(2)
@pytest.mark.held
def test_a_gift_card_keeps_its_code_when_its_process_dies(sandbox, seeded):
    """A process that dies while it mails, and environments that are replaced before, change no code"""
    look_at = (
        "gap 1: the code of a step that is over is kept, whatever process in whatever environment goes on"
    )
    jams = seeded.randint(1, 3)
    card, other = gift(sandbox, jams=jams, die=["mail"]), gift(sandbox)
    until(lambda: any(line.startswith("print") for line in card.did()) or card.is_over(), SETTLED_S)
    # A change of the configuration replaces all environments, and with them globals and /tmp.
    kept = configuration_of(sandbox, probe_of(sandbox, GIFT)).get("Environment", {}).get("Variables", {})
    sandbox.client("lambda").update_function_configuration(
        FunctionName=probe_of(sandbox, GIFT),
        Environment={"Variables": {**kept, "RENEWED": uuid.uuid4().hex}},
    )
    # A step is at least once unless it is told otherwise: the process ends at the first mail, so there is a second one.
    code = expect_one_code(card, jams, look_at, mails=2)
    card.expect_deaths()
    expect_true(
        code != expect_one_code(other, 0, look_at),
        wanted="another code for another card",
        got=code,
        look_at=look_at,
    )
    charges = sum(line.startswith("charge") for line in card.did())
    expect(
        charges,
        wanted=1,
        look_at="the charge is in a step of its own, and a step that is over is not run again",
    )


@pytest.mark.points(4)
def test_an_approved_order_ships(sandbox):
    """An order is charged, approved, thawed and booked, each once, and nothing runs while it waits

    Steps that are over are not run again by the replays that follow each wait. A wait is an entry in a list, and no process.
    """
    config = configuration_of(sandbox, ORDER).get("DurableConfig")
    expect(
        config,
        wanted={"ExecutionTimeout": 90 * DAY_S, "RetentionPeriodInDays": 14},
        look_at=f"DurableConfig of {ORDER}: it is given when the function is created, and {ORDER} has to be durable",
    )
    cake = order(sandbox, ["cake", "jam"], thaw_days=2, cents=3170, busy={"cake": 3}).answers(yes=True)
    right = {"order_id": cake.id, "status": "shipped", "labels": [cake.code("cake"), cake.code("jam")]}
    cake.expect_result(
        right, "5: what an order that is shipped returns; and 4: CourierBusy up to three times"
    )
    did = cake.did()
    expect(
        [*did[:3], *sorted(did[3:])],
        wanted=["reserve", "charge 3170", "ask", *["book cake"] * 4, "book jam"],
        look_at="1 to 4: is each call of the shop in a step of its own, and in this order?",
    )
    waits = sum(each.get("Duration", 0) for each in cake.events("WaitStarted"))
    expect(waits, wanted=2 * DAY_S, look_at="3: the seconds that context.wait is to wait, for days_to_thaw 2")
    expect_true(
        cake.booked_at() - cake.answered_at > 1.8,
        wanted="two days between the owner's yes and the first booking",
        got=did,
        look_at="3 comes before 4",
    )
    timeouts = [each.get("Timeout") for each in cake.events("CallbackStarted")]
    expect(timeouts, wanted=[60 * DAY_S], look_at="2: the timeout of the callback, for days_to_answer 60")
    expect_true(
        did.index("book jam") < len(did) - 1 - did[::-1].index("book cake"),
        wanted="jam booked while the cake is still waiting for a driver",
        got=did,
        look_at="4: all at the same time: context.map, without max_concurrency",
    )


@pytest.mark.points(3)
def test_an_order_without_a_yes_is_undone(sandbox):
    """An order that is refused, or that nobody answers, is refunded and released, in this order

    Nothing in the cloud rolls back a charge. The opposite of each step is a step, the last first.
    """
    ignored = order(sandbox, ["jam"], answer_days=1, cents=810)
    refused = order(sandbox, ["jam"], cents=720).answers(yes=False)
    for each, why, error in (
        (refused, "refused", "CallbackExternalError"),
        (ignored, "nobody answered", "CallbackTimeoutError"),
    ):
        right = {"order_id": each.id, "status": "cancelled", "why": why}
        each.expect_result(right, f"what wait_for_callback raises: {error} means {why!r}")
        receipt = each.code("receipt")
        expect(
            each.did(),
            wanted=["reserve", f"charge {each.order['cents']}", "ask", f"refund {receipt}", "release"],
            look_at="undo: the last first, each in a step, and with the receipt that the charge returned",
        )


@pytest.mark.points(2)
def test_one_order_is_one_execution(sandbox):
    """An order that comes twice is one execution, and a different one under its id is a conflict

    The name of an execution is taken once for each function. So Lambda decides who was first, and no table of yours.
    """
    look_at = "DurableExecutionName in cloudberry-checkout, which is the order's id"
    client = sandbox.client("lambda")
    first = {
        "order_id": f"o-{uuid.uuid4().hex[:8]}",
        "cents": 500,
        "skus": ["jam"],
        "days_to_answer": 80,
        "days_to_thaw": 1,
    }
    configuration_of(sandbox, ORDER)
    second = {**first, "order_id": f"o-{uuid.uuid4().hex[:8]}"}
    try:
        for event, status in (
            (first, "accepted"),
            (first, "accepted"),
            (second, "accepted"),
            ({**first, "cents": 501}, "conflict"),
            ({**second, "skus": ["jam", "tea"]}, "conflict"),
            (first, "accepted"),
        ):
            expect(
                answer_of(sandbox, CHECKOUT, event, look_at),
                wanted={"order_id": event["order_id"], "status": status},
                look_at=f"{look_at}; and DurableExecutionAlreadyStartedException. The event was {json.dumps(event)}",
            )
        for event in (first, second):
            started = executions_of(client, event["order_id"])
            inputs = [
                client.get_durable_execution(DurableExecutionArn=arn).get("InputPayload") for arn in started
            ]
            expect([json.loads(each or "null") for each in inputs], wanted=[event], look_at=look_at)
    finally:
        for event in (first, second):
            for arn in executions_of(client, event["order_id"]):
                with contextlib.suppress(ClientError):  # it is over already
                    client.stop_durable_execution(DurableExecutionArn=arn)


def executions_of(client, name):
    """Return the ARNs of the order function's executions of that name."""
    try:
        found = client.list_durable_executions_by_function(FunctionName=ORDER, DurableExecutionName=name)
    except ClientError:
        return []
    return [each["DurableExecutionArn"] for each in found["DurableExecutions"]]


@pytest.mark.points(3)
def test_an_order_without_a_courier_is_undone(sandbox, seeded):
    """If nobody carries one parcel, the parcels that were booked are cancelled, and the rest is undone after them

    What was done is taken back by what was written down on the way, the last thing first. That holds for a part of a
    step as well.
    """
    skus = [f"{word}-{seeded.randint(10, 99)}" for word in ("jam", "tea", "cake", "honey")]
    seeded.shuffle(skus)
    lost, late, *others = skus
    seeded.shuffle(skus)
    busy = {late: seeded.randint(1, 3)}
    cents = seeded.randint(1, 9_999)
    sent = order(sandbox, skus, cents=cents, nobody=[lost], busy=busy).answers(yes=True)
    right = {"order_id": sent.id, "status": "cancelled", "why": "no courier"}
    sent.expect_result(right, "NoCourier for one of the parcels: look at has_failure of what map returns")
    did = sent.did()
    books = sorted([f"book {lost}", *[f"book {late}"] * (busy[late] + 1), *(f"book {sku}" for sku in others)])
    expect(
        sorted(line for line in did if line.startswith("book")),
        wanted=books,
        look_at="4: NoCourier is not tried again, CourierBusy is, and no parcel is given up because of another",
    )
    undone = did[3 + len(books) :]
    expect(
        [*sorted(undone[:-2]), *undone[-2:]],
        wanted=[
            *sorted(f"unbook {sent.code(sku)}" for sku in (late, *others)),
            f"refund {sent.code('receipt')}",
            "release",
        ],
        look_at="undo: each label that was booked and no other one, then the refund, then the release",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_an_order_survives_the_death_of_its_process(sandbox, seeded):
    """A process that dies in the middle of a step is followed by one that goes on there, forward and back"""
    skus = [f"sku-{number}" for number in seeded.sample(range(100), k=2)]
    cents, dead = seeded.randint(1, 9_999), seeded.choice(skus)
    look_at = "each call of the shop in a step of its own: only the call in whose middle the process died comes twice"
    sent = order(sandbox, skus, cents=cents, die=["charge", f"book {dead}"]).answers(yes=True)
    refused = order(sandbox, skus, cents=cents, die=["refund"]).answers(yes=False)
    labels = [sent.code(sku) for sku in skus]
    sent.expect_result({"order_id": sent.id, "status": "shipped", "labels": labels}, look_at)
    did = sent.did()
    # A process may die while the other parcel's result is on its way, so that one may come twice, too.
    expect(did[:4], wanted=["reserve", *[f"charge {cents}"] * 2, "ask"], look_at=look_at)
    expect_true(
        set(did[4:]) == {f"book {sku}" for sku in skus} and did.count(f"book {dead}") == 2,
        wanted=f"both parcels booked, and {dead} twice",
        got=did,
        look_at=look_at,
    )
    refused.expect_result({"order_id": refused.id, "status": "cancelled", "why": "refused"}, look_at)
    undone = [f"refund {refused.code('receipt')}"] * 2
    expect(refused.did(), wanted=["reserve", f"charge {cents}", "ask", *undone, "release"], look_at=look_at)
    for each in (sent, refused):
        each.expect_deaths()
