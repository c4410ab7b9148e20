"""The in-process driver: the same core, the functions called in this interpreter, time moved by hand.

botocore's requests are answered where they would leave the process, so there is no server, socket, thread or child
process. Time stands still but for what handlers compute and sleep, ``advance`` and ``run_until_idle``.
"""

from __future__ import annotations

import atexit
import json
import time
from typing import Any

from lambda_sandbox import __version__, errors
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.in_process import neighbours
from lambda_sandbox.drivers.in_process.interpreter import MISSING, runtime_notice
from lambda_sandbox.drivers.in_process.neighbours import Neighbours
from lambda_sandbox.drivers.in_process.requests import Requests
from lambda_sandbox.drivers.in_process.running import Running
from lambda_sandbox.drivers.in_process.seen import Seen
from lambda_sandbox.drivers.seeing import ROUTES, Seeing

ENDPOINT = "in-process"


class InProcess:
    """One sandbox inside this interpreter. Time starts at now and then moves only when told to."""

    def __init__(self, config: Config) -> None:
        if config.enforce_iam:
            raise errors.SandboxFault(
                "The in_process driver checks no signatures, so it cannot enforce IAM; use the server driver."
            )
        self.endpoint = ENDPOINT
        self.account_id = config.account_id
        self.region = config.region
        self._config = config
        self.clock = ManualClock(start=time.time())
        self.seen = Seen(self.clock, config.seed)
        self._plane = self._make_plane()
        moto = Neighbours(config.account_id)
        self._running = Running(config, self.clock, self._plane, self.seen, moto.forward)
        self._requests = Requests(
            config.account_id, self.clock, self._plane, self.seen, moto, self._running.invoke
        )
        atexit.register(self.close)

    def _make_plane(self) -> ControlPlane:
        """DIFFERS: with ``connect(driver="in_process")``, ``Code.Location`` in GetFunction's answer cannot be downloaded."""
        return ControlPlane(
            Context(
                config=self._config,
                clock=self.clock,
                store=Store(None),
                code=CodeStore(None),
                fetch_object=neighbours.fetch_object,
                on_change=lambda function_arn: self._running.function_changed(function_arn),
                on_concurrency_change=lambda function_arn: self._running.function_changed(function_arn),
                on_provisioned_change=lambda: self._running.provisioned_changed(),
                runtime_notice=runtime_notice,
                provisioned_status=lambda arn: self._running.core.provisioned_status(arn),
                base_url=lambda: f"http://{ENDPOINT}.localhost",
            )
        )

    def close(self) -> None:
        """Remove what lies on the disk; does nothing the second time."""
        atexit.unregister(self.close)
        self._plane.close()

    def answer(self, prepared: Any) -> Any:
        """Answer botocore's prepared request with an ``AWSResponse``."""
        return self._requests.answer(prepared)

    # --- time ----------------------------------------------------------------------------------------

    def run_until_idle(self) -> None:
        """Run what can run now: accepted Event invokes and due retries. Time moves only by what handlers take."""
        self._running.run()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, running everything that comes due on the way at its own moment."""
        end = self.clock.now() + seconds
        self._running.run()
        while (due := self._running.next_due()) <= end:
            self.clock.move_to(due)
            self._running.run()
        self.clock.advance(0.0 if seconds >= 0 else seconds)  # refuses to run backwards
        self.clock.move_to(end)

    # --- the front's backend -------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "version": __version__,
            "isolation": {"level": "in_process", "enforced": [], "missing": list(MISSING)},
            "neighbours": "moto in this interpreter",
            "clock": "manual",
            "enforces_iam": False,
            "faults": self._running.core.faults.to_json(),
        }

    def read(self, route: str, **query: str | None) -> dict[str, Any]:
        """Return what the server answers at ``route``."""
        if route.removeprefix("/_sandbox/") in ROUTES:
            return self.send_json("GET", route, None, **query)
        if route == "/_sandbox/logs":
            return {"events": self.seen.logs.to_json(query.get("function"))}
        raise errors.SandboxFault(f"there is no {route} in the in_process driver")

    def send_json(
        self, method: str, route: str, value: dict[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]:
        """Return what the server answers to a request with a JSON body. Raises ``SandboxFault`` with its sentence."""
        given = {name: text for name, text in query.items() if text is not None}
        body = json.dumps(value).encode() if value is not None else b""
        seeing = Seeing(self._running.core, self.seen.history, self._config.account_concurrency)
        try:
            return seeing.answer(route.removeprefix("/_sandbox/"), given, method, body)
        except (ValueError, LookupError) as problem:
            raise errors.SandboxFault(str(problem)) from None

    def post(self, route: str) -> dict[str, Any]:
        """Empty the sandbox: ``/_sandbox/reset`` is the one route that changes something."""
        if route != "/_sandbox/reset":
            raise errors.SandboxFault(f"there is no {route} in the in_process driver")
        self._running.begin_anew()
        self._plane.reset()
        self.seen.clear()
        neighbours.reset()
        return {"status": "empty"}
