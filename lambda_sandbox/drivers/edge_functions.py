"""Calls the functions of a cache behaviour: Lambda@Edge through the sandbox, CloudFront Functions with Node.js."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.drivers import edge_javascript
from lambda_sandbox.drivers.front_doors import Asking, Invoke
from lambda_sandbox.errors import ApiError, TooManyRequestsException
from lambda_sandbox.front_doors import cloudfront_function, edge_event, edge_result
from lambda_sandbox.front_doors.edge_event import Distribution, EdgeRequest, EdgeResponse
from lambda_sandbox.front_doors.edge_headers import BadResult


class EdgeError(Exception):
    """What the viewer gets in place of an answer: ``status``, and ``cache`` for the ``X-Cache`` header."""

    def __init__(self, status: int, cache: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.cache = cache


@dataclass(frozen=True, slots=True)
class Visit:
    """One viewer's request: the distribution as the neighbours tell it, and the cache behaviour that it met."""

    distribution: Distribution
    definition: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    trace: str


class EdgeFunctions:
    """DIFFERS: a Lambda@Edge function logs to ``/aws/lambda/<name>`` in us-east-1; on AWS to ``/aws/lambda/us-east-1.<name>`` in the
    Region that is next to the viewer."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def on_request(self, event: str, visit: Visit, request: EdgeRequest) -> EdgeRequest | EdgeResponse:
        """Return what the function of ``event``, if there is one, makes of a request. Raises ``EdgeError``."""
        script = _of_event(visit.behaviour["functions"], event)
        if script is not None:
            sent = cloudfront_function.event(event, visit.distribution, request)
            try:
                return cloudfront_function.of_request(sent, await self._run(script, visit, sent), request)
            except BadResult as why:
                raise _invalid("FunctionValidationError", script["arn"], why) from None
        association = _of_event(visit.behaviour["lambdas"], event)
        if association is None:
            return request
        sent = edge_event.request_event(
            event, visit.distribution, request, include_body=association["include_body"]
        )
        try:
            return edge_result.of_request(event, sent, await self._call(association, visit, sent), request)
        except BadResult as why:
            raise _invalid("LambdaValidationError", association["arn"], why) from None

    async def on_response(
        self, event: str, visit: Visit, request: EdgeRequest, response: EdgeResponse
    ) -> EdgeResponse:
        """Return what the function of ``event``, if there is one, makes of a response. Raises ``EdgeError``."""
        script = _of_event(visit.behaviour["functions"], event)
        if script is not None:
            sent = cloudfront_function.event(event, visit.distribution, request, response)
            try:
                return cloudfront_function.of_response(sent, await self._run(script, visit, sent), response)
            except BadResult as why:
                raise _invalid("FunctionValidationError", script["arn"], why) from None
        association = _of_event(visit.behaviour["lambdas"], event)
        if association is None:
            return response
        sent = edge_event.response_event(event, visit.distribution, request, response)
        try:
            return edge_result.of_response(event, sent, await self._call(association, visit, sent), response)
        except BadResult as why:
            raise _invalid("LambdaValidationError", association["arn"], why) from None

    async def _call(self, association: Mapping[str, Any], visit: Visit, event: dict[str, Any]) -> Any:
        arn, definition = association["arn"], visit.definition
        source = f"arn:aws:cloudfront::{definition['account_id']}:distribution/{definition['id']}"
        asking = Asking("edgelambda.amazonaws.com", source, definition["account_id"])
        payload = json.dumps(event, separators=(",", ":")).encode()
        try:
            result = await self._invoke(arn, payload, asking, visit.trace)
        except TooManyRequestsException as throttled:
            raise EdgeError(503, "LambdaLimitExceeded", f"{arn}: {throttled.message}") from None
        except ApiError as error:
            raise EdgeError(503, "LambdaExecutionError", f"{arn}: {error.message}") from None
        if result.function_error:
            sentence = (
                f"{arn} failed ({result.function_error}): {result.payload[:300].decode('utf-8', 'replace')}"
            )
            raise EdgeError(503, "LambdaExecutionError", sentence)
        try:
            return json.loads(result.payload)
        except ValueError:
            raise BadResult("the function returned no JSON") from None

    async def _run(self, script: Mapping[str, Any], visit: Visit, event: dict[str, Any]) -> Any:
        code = visit.definition["functions"].get(script["arn"])
        if code is None:
            raise EdgeError(
                503, "FunctionExecutionError", f"There is no CloudFront function {script['arn']}."
            )
        try:
            return await edge_javascript.run(b64decode(code), event)
        except edge_javascript.NoJavaScript as missing:
            raise EdgeError(501, "FunctionExecutionError", str(missing)) from None
        except edge_javascript.FunctionFailed as failed:
            raise EdgeError(503, "FunctionExecutionError", f"{script['arn']}: {failed}") from None


def _of_event(associations: list[Mapping[str, Any]], event: str) -> Mapping[str, Any] | None:
    return next((each for each in associations if each["event"] == event), None)


def _invalid(cache: str, arn: str, why: BadResult) -> EdgeError:
    return EdgeError(502, cache, f"{arn}: {why}")
