"""A request from inside an execution environment: it is its own account's, and the sandbox's own routes are shut to it."""

from __future__ import annotations

from lambda_sandbox import errors
from lambda_sandbox.drivers.callers import account_of, credential_of
from lambda_sandbox.drivers.endpoint import Endpoint
from lambda_sandbox.drivers.endpoint_connection import EndpointConnection
from lambda_sandbox.http_server import Request
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.telemetry.neighbour_usage import Cause

# What a function may need of the sandbox: whether it is there, and the packages whose secret addresses GetFunction gave out.
_OPEN_ROUTES = (b"/_sandbox/health", b"/_sandbox/code/")


class EnvironmentConnection(EndpointConnection):
    """``account_id`` is the function's. Logs, history, the bill and reset would show or spoil other tenants' functions.

    DIFFERS: a request from inside a function that is signed for another account is refused. Access keys are account ids here, and
    anybody could write down another one; to try out a second account, call from outside of functions.
    """

    def __init__(self, endpoint: Endpoint, account_id: str, environment: Environment | None = None) -> None:
        super().__init__(endpoint, inner=True)
        self._account_id = account_id
        self._environment = environment

    def cause(self) -> tuple[Cause, float]:
        environment = self._environment
        if environment is None:
            return super().cause()
        invocation = environment.invocation
        request_id = invocation.request_id if invocation is not None else ""
        return Cause(environment.function.function_name, request_id), environment.skew_ms

    def handle(self, request: Request) -> None:
        target = request.target
        if target.startswith(b"/_sandbox/") and not target.startswith(_OPEN_ROUTES):
            self.answer_json(403, {"message": "the sandbox's own routes are closed to functions"})
            return
        access_key, region, service = credential_of(request)
        named = access_key.isdigit() and len(access_key) == 12
        if self._endpoint.gate is not None:
            if named:
                self._answer_error(
                    errors.AccessDeniedException("a function has no credentials of a root user")
                )
                return
            super().handle(request)
            return
        # Lambda's paths begin with the date of an API version; unsigned, they would be the default account's.
        if named or service == b"lambda" or (not service and target.startswith(b"/20")):
            account_id = account_of(self._endpoint.config, access_key, region).account_id
            if account_id != self._account_id:
                self._answer_error(
                    errors.AccessDeniedException(
                        f"a function of account {self._account_id} has no credentials of account {account_id}"
                    )
                )
                return
        super().handle(request)
