"""The sandbox's own routes under ``/_sandbox/``: health, history, logs, the bill, code downloads, debugging, reset, hand-over."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lambda_sandbox import __version__
from lambda_sandbox.config import Config
from lambda_sandbox.drivers.keeping import Keeping
from lambda_sandbox.drivers.seeing import ROUTES, Seeing
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.errors import ApiError, SandboxFault
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import FunctionConfiguration

_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class OwnRoutes:
    """``code_zip(token)`` returns a stored package; ``reset()`` empties Lambda and neighbours; ``neighbours_state()`` is a word.

    ``triggers(request, route)`` answers the neighbours' process. ``find(name)`` returns a function's ``$LATEST`` and the folder of its code as the function sees it; raises ``ApiError``.
    """

    def __init__(
        self,
        config: Config,
        driver: ServerDriver,
        code_zip: Callable[[str], bytes | None],
        reset: Callable[[], Awaitable[None]],
        neighbours_state: Callable[[], str],
        find: Callable[[str], tuple[FunctionConfiguration, str]],
        triggers: Callable[[Request, str], Awaitable[_Answer]],
    ) -> None:
        self._config = config
        self._driver = driver
        self._code_zip = code_zip
        self._reset = reset
        self._neighbours_state = neighbours_state
        self._find = find
        self._triggers = triggers
        self.trust: Callable[[str, bytes], None] | None = None  # takes an issuer's keys for JWT authorizers
        self.keeping = Keeping(config)
        self.seeing = Seeing(driver.core, driver.history, config.account_concurrency)

    async def answer(self, request: Request, *, inner: bool) -> _Answer:
        url = urlsplit(request.target.decode("latin-1"))
        route = url.path.removeprefix("/_sandbox/")
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        refusal = self.keeping.refusal(request, route, inner=inner)
        if refusal:
            return _json(403, {"message": refusal})
        if route == "reset":
            return await self._answer_reset(request)
        if route == "hand-over":
            return await self._answer_hand_over(request)
        if route == "debug":
            return await self._answer_debug(request, query)
        if route.startswith("trigger/"):
            return await self._triggers(request, route)
        if route in ROUTES:
            return self._see(route, query, request)
        if route == "jwks":
            return self._answer_keys(request, query.get("issuer", ""))
        if request.method != b"GET":
            return _json(405, {"message": f"/_sandbox/{route} answers to GET only"})
        if route.startswith("code/"):
            return self._code(route.removeprefix("code/"))
        if route == "health":
            return _json(200, self._health())
        if route == "logs":
            return _json(200, {"events": self._driver.logs.to_json(query.get("function"))})
        known = "health, history, explain, logs, bill, faults, debug or reset"
        return _json(404, {"message": f"there is no /_sandbox/{route}; try {known}"})

    def _see(self, route: str, query: dict[str, str], request: Request) -> _Answer:
        try:
            return _json(200, self.seeing.answer(route, query, request.method.decode(), request.body))
        except (ValueError, LookupError) as error:
            return _json(400, {"message": str(error)})

    def _health(self) -> dict[str, Any]:
        environments = self._driver.environments
        assert environments is not None
        isolation = environments.isolation
        return {
            "status": "ok",
            "version": __version__,
            "isolation": {
                "level": isolation.level,
                "enforced": list(isolation.enforced),
                "missing": list(isolation.missing),
                "opened": list(isolation.opened),
                "network": isolation.network,
            },
            "neighbours": self._neighbours_state(),
            "account_id": self._config.account_id,
            "region": self._config.region,
            "runtime_client": self._config.runtime_client,
            # What retries, ages and schedules run by; with --clock scaled it is ahead of the wall's.
            "now": self._driver.core.waiting_clock.now(),
            "clock": self._config.clock,
            "enforces_iam": self._config.enforce_iam,
            "kept": str(self._config.state) if self._config.state else None,
            "faults": self._driver.core.faults.to_json(),
        }

    def _code(self, token: str) -> _Answer:
        data = self._code_zip(token)
        if data is None:
            return _json(404, {"message": "no such package; ask GetFunction for a fresh location"})
        return 200, [(b"Content-Type", b"application/zip")], data

    async def _answer_reset(self, request: Request) -> _Answer:
        if request.method != b"POST":
            return _json(405, {"message": "/_sandbox/reset answers to POST only"})
        await self._reset()
        return _json(200, {"status": "empty"})

    async def _answer_hand_over(self, request: Request) -> _Answer:
        """The notebook is over and its checks begin: nothing that it switched is on any more."""
        if request.method != b"POST":
            return _json(405, {"message": "/_sandbox/hand-over answers to POST only"})
        self.keeping.hand_over()
        cleared = self._driver.core.faults.clear()
        await self._driver.debugging.close()
        return _json(200, {"faults_cleared": cleared})

    def _answer_keys(self, request: Request, issuer: str) -> _Answer:
        """PUT gives the sandbox the keys (a JWKS) of an issuer of tokens, which AWS would fetch."""
        if request.method != b"PUT":
            return _json(405, {"message": "/_sandbox/jwks answers to PUT only"})
        if self.trust is None:
            return _json(403, {"message": "this sandbox takes no keys from here"})
        try:
            self.trust(issuer, request.body)
        except ValueError as error:
            return _json(400, {"message": str(error)})
        return _json(200, {"issuer": issuer})

    async def _answer_debug(self, request: Request, query: dict[str, str]) -> _Answer:
        """POST begins and DELETE ends the debugging of one function."""
        if request.method not in (b"POST", b"DELETE"):
            return _json(405, {"message": "/_sandbox/debug answers to POST and DELETE only"})
        try:
            function, task = self._find(query.get("function", ""))
            port = int(query["port"]) if "port" in query else None
            debugging = self._driver.debugging
            if request.method == b"DELETE":
                return _json(200, {"debugged": await debugging.end(function.arn)})
            chosen = await debugging.begin(function, port)
        except (ApiError, SandboxFault, ValueError, OverflowError) as error:
            return _json(400, {"message": str(error)})
        return _json(200, {"port": chosen, "runtime": function.runtime, "task": task})


def _json(status: int, value: Any) -> _Answer:
    return status, [(b"Content-Type", b"application/json")], json.dumps(value).encode()
