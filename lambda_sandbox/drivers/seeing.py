"""What shows what happened, the same for every driver: ``/_sandbox/history``, ``explain``, ``bill`` and ``faults``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambda_sandbox.invocation import faults as fault_rules
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.telemetry import explain as whys
from lambda_sandbox.telemetry.billing import bill
from lambda_sandbox.telemetry.history import History, matching
from lambda_sandbox.telemetry.neighbour_usage import call_row
from lambda_sandbox.telemetry.prices import Prices

ROUTES = frozenset({"history", "explain", "bill", "faults"})
_NO_QUERY: Mapping[str, str] = {}


class Seeing:
    """``answer`` returns the JSON of a route; it raises ``ValueError`` or ``LookupError`` with one sentence."""

    def __init__(self, core: Core, history: History, account_limit: int) -> None:
        # What durable executions cost, where they run; raises ``LookupError`` for prices that have none.
        self.durable_bill: Callable[[Prices], dict[str, Any]] | None = None
        self._core = core
        self._history = history
        self._account_limit = account_limit

    def answer(
        self, route: str, query: Mapping[str, str] = _NO_QUERY, method: str = "GET", body: bytes = b""
    ) -> dict[str, Any]:
        if route == "faults":
            return self._faults(method, query, body)
        if method != "GET":
            raise ValueError(f"/_sandbox/{route} answers to GET only")
        if route == "explain":
            return self._explain(query)
        return self._bill(query.get("rules", "")) if route == "bill" else self._rows(query)

    def _rows(self, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self._history.to_json() | {"faults_on": self._core.faults.to_json()}
        answer["calls"] = [call_row(call) for call in self._history.neighbours.calls]
        if not query:
            return answer
        answer["invocations"] = matching(answer["invocations"], query, self._core.clock.now())
        named = {row["environment_id"] for row in answer["invocations"]}
        wanted = query.get("function")
        answer["environments"] = [
            row
            for row in answer["environments"]
            if row["environment_id"] in named or (len(query) == 1 and row["function_name"] == wanted)
        ]
        asked = {row["request_id"] for row in answer["invocations"]}
        for kind in ("calls", "batches", "faults"):
            answer[kind] = [row for row in answer[kind] if row["request_id"] in asked]
        return answer

    def _explain(self, query: Mapping[str, str]) -> dict[str, Any]:
        request_id = query.get("request_id", "last")
        if request_id == "last":
            last_error = query.get("last_error", "") == "true"
            request_id = whys.find(self._history, function=query.get("function"), last_error=last_error)
        witnesses = whys.Witnesses(
            self._history, self._core.waiting_clock, self._account_limit, self._core.queue.find, self._running
        )
        return whys.explain(request_id, witnesses)

    def _running(self, request_id: str) -> Invocation | None:
        under_way = (environment.invocation for environment in self._core.pool.environments.values())
        return next((each for each in under_way if each is not None and each.request_id == request_id), None)

    def _bill(self, rules: str) -> dict[str, Any]:
        prices = Prices.load(rules=rules)
        # The rules of 2019 know no durable functions: their bill has what it would have had then.
        known = self.durable_bill is not None and prices.durable is not None
        durable = self.durable_bill(prices) if self.durable_bill is not None and known else None
        answer = bill(self._history.records, prices, self._history.neighbours, durable=durable)
        return answer | {"faults": self._core.faults.to_json()}

    def _faults(self, method: str, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        rules = self._core.faults
        if method == "POST":
            return {"id": rules.add(fault_rules.parsed(body)), "faults": rules.to_json()}
        if method == "DELETE":
            return {"cleared": rules.clear(query.get("id", "")), "faults": rules.to_json()}
        if method != "GET":
            raise ValueError("/_sandbox/faults answers to GET, POST and DELETE only")
        return {"faults": rules.to_json()}
