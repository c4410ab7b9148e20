"""The shop as the checks see it: from outside, by its address, and by what it leaves in the places that were there before it.

Nothing here knows how the shop is built, whether a queue is in it, a stream or a bus, or what its functions are called.
"""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import error_of, put_item, table_item, until

PARAMETER = "/cloudberry/shop"
FIELDS = ["order_id", "sku", "quantity", "total_cents", "status"]
EXAMPLES = {"cloudberry-gatekeeper", "cloudberry-hasty", "cloudberry-mover"}  # given, or there to be wrong
PATIENCE_S = 40.0  # the owner says half a minute, on a machine that has nothing else to do
# So long an order may lie there before anybody is called, where there is somebody who may call ...
NOBODY_S = 15.0
NO_CALLER_S = 5.0  # ... and where there is not, but for the door itself
IN_VAIN_S = 5.0  # nobody shall wait long, check after check, for a storehouse that does not work
TIMES = 3  # what is refused so often, or comes back so often, will be again


class Shop:
    """The learner's shop. ``sandbox`` is the grader's own client of where it stands."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.examples = EXAMPLES

    # --- asking it -----------------------------------------------------------------------------------

    def address(self):
        """Return the shop's address, in its parts."""
        look_at = (
            "ssm.put_parameter in the cell with the doorman: the address of the API that has your routes"
        )
        try:
            found = self.sandbox.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
        except ClientError:
            wanted(f"the shop's address in the parameter {PARAMETER}", "there is no such parameter", look_at)
        parts = urlsplit(found)
        expect_true(bool(parts.hostname), wanted="an address such as https://…", got=found, look_at=look_at)
        return parts

    def ask(self, method, path, body=None, **headers):
        """Send a request; return the status, and the answer as JSON or as the text that it is."""
        shop, here = self.address(), urlsplit(self.sandbox.url)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            names = {"Content-Type": "application/json", **names}
        connection = http.client.HTTPConnection(here.hostname, here.port, timeout=30)
        try:
            connection.request(method, shop.path.rstrip("/") + path, body, {"Host": shop.hostname, **names})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        try:
            return [answer.status, json.loads(text)]
        except ValueError:
            return [answer.status, text]

    def customer(self, name):
        return Customer(self, name)

    def expect_order(self, got, statuses, order, look_at):
        """Fail the check unless the answer is such an order, with one of those statuses; return its id.

        What an order shows beside its five parts is nobody's business.
        """
        code, answer = got
        look_at += self.reasons(code)
        said = " or ".join(map(str, statuses))
        expect_true(code in statuses, wanted=f"an answer with the status {said}", got=got, look_at=look_at)
        expect_true(type(answer) is dict, wanted="an order", got=answer, look_at=look_at)
        right = {"order_id": answer.get("order_id"), **order}
        shown = {name: answer.get(name) for name in FIELDS}
        expect(shown, wanted=right, look_at=look_at, numbers_alike=True)
        good = type(answer["order_id"]) is str and bool(answer["order_id"])
        expect_true(good, wanted="an order_id that is a text", got=answer, look_at=look_at)
        return answer["order_id"]

    # --- what is in it -------------------------------------------------------------------------------

    def product(self, name, cents, stock=None):
        """Offer a product of that price, with a stock or without any; return its sku."""
        sku = f"{name} {time.time_ns()}"
        more = {} if stock is None else {"stock": stock}
        put_item(self.sandbox, "Products", sku=sku, cents=cents, **more)
        return sku

    def stock(self, sku):
        """Return a product's stock as DynamoDB has it, a text; None if it has none."""
        return (table_item(self.sandbox, "Products", sku=sku) or {}).get("stock")

    def functions(self):
        """Return the learner's functions and their roles, without those of the example."""
        found = self.sandbox.client("lambda").list_functions()["Functions"]
        own = [each for each in found if not each["FunctionName"].startswith("probe-")]
        return {each["FunctionName"]: each["Role"] for each in own if each["FunctionName"] not in EXAMPLES}

    # --- what goes on behind the door ----------------------------------------------------------------

    def doors(self):
        """Return the names of the functions that answer customers: those that run, each time, for an order that is none."""
        known = _known(self.sandbox)
        if not known.get("doors"):
            customer, times = self.customer("nobody"), []
            for _ in range(3):  # another function may run by chance, but not each time
                before = len(self.sandbox.history()["invocations"])
                customer.ask("POST", "/orders", "no order", Idempotency_Key="none")
                times.append(self._ran(before))
                if not times[-1]:
                    break
            known["doors"] = set.intersection(*times)
        return known["doors"]

    def _ran(self, before):
        """Return the names of the functions that have run since there were ``before`` runs."""

        def ran():
            rows = self.sandbox.history()["invocations"][before:]
            return {row["function_name"] for row in rows} - EXAMPLES

        until(ran, timeout_s=2)
        return ran()

    def behind(self):
        """Return the names of the other functions, as far as one of their environments was started."""
        rows = self.sandbox.history()["environments"]
        return {row["function_name"] for row in rows} - EXAMPLES - self.doors()

    def refusals(self, since=0.0):
        """Return what IAM refused to the learner's functions lately, as the end of a sentence, or nothing."""
        told = [
            f"{each['principal'].split('/')[-1]} may not {each['action']} on {each['resource'].split(':', 5)[-1]}"
            for each in self.sandbox.history()["denials"]
            if each["at"] >= since and not any(name in each["principal"] for name in (*EXAMPLES, "probe-"))
        ]
        return f"; IAM refused: {'; '.join(sorted(set(told[-4:])))}" if told else ""

    def reasons(self, code):
        """Return what IAM refused lately, and if an answer's status was 500 or more what was raised last, as ``refusals``."""
        rows = self.sandbox.history()["invocations"][-5:] if code >= 500 else []
        rows = [row for row in rows if row["status"] != "success" and row["function_name"] not in EXAMPLES]
        raised = [f"; {row['function_name']} failed: {error_of(self.sandbox, row)}" for row in rows[-1:]]
        return "".join(raised) + self.refusals()

    def story(self, since):
        """Return what happened behind the door, as the end of a sentence: runs, errors, the last batch, refusals."""
        known, history = self.behind(), self.sandbox.history()
        rows = [
            row
            for row in history["invocations"]
            if row["ended_at"] >= since and row["function_name"] in known
        ]
        failed = [row for row in rows if row["status"] != "success"]
        told = f"; {len(rows)} runs behind the door" if rows else "; nobody behind the door was called"
        if failed:
            last = failed[-1]
            told += f", {len(failed)} failed (last {last['function_name']}: {error_of(self.sandbox, last)})"
        batches = [
            each["why"] for each in history["mappings"] if each["at"] >= since and "batch of" in each["why"]
        ]
        told += f"; the last batch: {batches[-1][batches[-1].index('batch of') :]}" if batches else ""
        return told + self.refusals(since)

    def callers(self):
        """Return whether there is anything but the door that may call a function for an order."""
        if self.sandbox.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
            return True
        subscriptions = self.sandbox.client("sns").list_subscriptions()["Subscriptions"]
        if any(each["Protocol"] == "lambda" for each in subscriptions):
            return True
        events = self.sandbox.client("events")
        buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
        return any(
            "EventPattern" in rule for bus in buses for rule in events.list_rules(EventBusName=bus)["Rules"]
        )

    def _expect_hope(self, begun, look_at):
        """Fail the check once there is nothing to wait for: nobody to call, a refusal each time, a stream that stands still."""
        waited, history = time.time() - begun, self.sandbox.history()
        if waited > NO_CALLER_S and not self.behind() and (waited > NOBODY_S or not self.callers()):
            _known(self.sandbox)["vain"] = True
            got = f"none was started within {waited:.0f} s after an order"
            wanted("a function that packs, and something that calls it", got, look_at)
        refused = [
            (each["principal"], each["action"], each["resource"])
            for each in history["denials"]
            if each["at"] >= begun and each["principal"].split("/")[-1] in self.behind()
        ]
        if any(refused.count(each) >= TIMES for each in refused):
            _known(self.sandbox)["vain"] = True
            wanted(
                "a storehouse whose role allows its work", self.refusals(begun).removeprefix("; "), look_at
            )
        for mapping in self.sandbox.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
            endless = mapping.get("MaximumRetryAttempts") == mapping.get("MaximumRecordAgeInSeconds") == -1
            whys = [
                each["why"]
                for each in history["mappings"]
                if each["at"] >= begun and each["uuid"] == mapping["UUID"]
            ]
            stuck = [why for why in whys if ": 0 done" in why]
            if endless and len(stuck) >= TIMES and len(set(stuck[-TIMES:])) == 1:
                _known(self.sandbox)["vain"] = True
                got = f"the same again and again: {stuck[-1][stuck[-1].index('batch of') :]}{self.refusals(begun)}"
                wanted("a stream that goes on, whatever one of its orders is", got, look_at)

    def expect_settled(self, customer, right, look_at):
        """Wait until each order is packed or in trouble, and fail the check unless it is what it may be.

        ``right`` maps an order's id to the statuses that will do. Returns the statuses.
        """
        begun, known, now = time.time(), _known(self.sandbox), {}
        look_at = f"{look_at}; the log of the function that packs"

        def settled():
            now.update(customer.statuses(right))
            return all(status in ("packed", "trouble") for status in now.values())

        patience = IN_VAIN_S if "vain" in known else PATIENCE_S
        if not until(settled, timeout_s=patience, unless=lambda: self._expect_hope(begun, look_at)):
            known["vain"] = True
            told = ", ".join(sorted(map(str, now.values())))
            wanted(
                "orders that are packed or in trouble within half a minute", told + self.story(begun), look_at
            )
        for order_id, status in right.items():
            said = " or ".join(status)
            got = f"{now[order_id]}{self.refusals(begun)}"
            expect_true(now[order_id] in status, wanted=f"an order that is {said}", got=got, look_at=look_at)
        return now


class Customer:
    """Somebody with a token of their own, who orders and looks."""

    def __init__(self, shop, name):
        self._shop = shop
        self.name = f"{name}-{time.time_ns()}"
        self.token = f"token-of-{self.name}"
        put_item(shop.sandbox, "Tokens", token=self.token, customer=self.name)

    def ask(self, method, path, body=None, **headers):
        return self._shop.ask(method, path, body, Authorization=f"Bearer {self.token}", **headers)

    def place(self, sku, quantity, key):
        """Send an order; return status and answer."""
        order = json.dumps({"sku": sku, "quantity": quantity})
        return self.ask("POST", "/orders", order, Idempotency_Key=key)

    def places(self, sku, quantity, key):
        """Send a good order; return its id. Fails the check if it is not taken."""
        code, answer = self.place(sku, quantity, key)
        order_id = answer.get("order_id") if type(answer) is dict else None
        expect_true(
            code in (200, 201) and type(order_id) is str,
            wanted=f"an order_id for {quantity} x {sku}",
            got=[code, answer],
            look_at=f"wish 1: POST /orders{self._shop.reasons(code)}",
        )
        return order_id

    def orders(self):
        """Return what the list of the customer's orders holds; fails the check if it is none."""
        code, answer = self.ask("GET", "/orders")
        good = code == 200 and type(answer) is dict and type(answer.get("orders")) is list
        expect_true(
            good,
            wanted='200 and {"orders": […]}',
            got=[code, answer],
            look_at=f"wish 4: GET /orders{self._shop.refusals()}",
        )
        return answer["orders"]

    def statuses(self, order_ids):
        """Return what the list says of these orders: each one's status, None where it is not in it."""
        found = {each.get("order_id"): each.get("status") for each in self.orders() if type(each) is dict}
        return {order_id: found.get(order_id) for order_id in order_ids}


_KNOWN = []


def _known(sandbox):
    """Return what was found out about this sandbox by earlier checks, and about no other one."""
    if not _KNOWN or _KNOWN[0] is not sandbox:
        _KNOWN[:] = [sandbox, {}]
    return _KNOWN[1]


@pytest.fixture
def shop(sandbox):
    return Shop(sandbox)
