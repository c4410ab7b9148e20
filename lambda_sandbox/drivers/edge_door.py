"""CloudFront distributions served: ``http://<name>.cloudfront.localhost:<port>/``, with functions at the four events.

DIFFERS: CloudFront has one edge location here, speaks plain HTTP, compresses nothing, and knows a change of a distribution at once
(on AWS it takes minutes).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers.api_definitions import Neighbour
from lambda_sandbox.drivers.edge_functions import EdgeError, EdgeFunctions, Visit
from lambda_sandbox.drivers.edge_origin import OriginFailed, Origins
from lambda_sandbox.front_doors import edge_cache, edge_forwarding
from lambda_sandbox.front_doors.edge_event import Distribution, EdgeRequest, EdgeResponse
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.invocation.request import trace_header

_HOST = re.compile(r"[a-z0-9-]+\.cloudfront\.localhost")
_PATH = "/_sandbox/distributions/"
_HEADERS = [(b"Host", b"localhost")]
_VIA = "1.1 sandbox.cloudfront.localhost (CloudFront)"


class EdgeDoor:
    """``clock`` is the one that waits are counted by: what is cached ages with it. ``note`` is told why a viewer got an error."""

    def __init__(
        self,
        neighbour: Neighbour,
        functions: EdgeFunctions,
        origins: Origins,
        clock: Clock,
        note: Callable[[str], None],
    ) -> None:
        self._neighbour = neighbour
        self._functions = functions
        self._origins = origins
        self._clock = clock
        self._note = note
        self._cache = edge_cache.EdgeCache()

    def takes(self, host: str) -> bool:
        return _HOST.fullmatch(host) is not None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        definition = await self._definition(request.host)
        if definition is None or not definition["enabled"]:
            why = "is not there" if definition is None else "is disabled"
            return _plain(403, f"The distribution {request.host} {why}.")
        self._cache.invalidate(definition["id"], definition["invalidations"])
        visit = self._visit(definition, request)
        try:
            if request.method not in visit.behaviour["allowed_methods"]:
                raise EdgeError(403, "Error", f"This distribution does not allow {request.method} here.")
            response, cache = await self._serve(visit, edge_forwarding.from_viewer(request))
        except (EdgeError, OriginFailed) as error:
            self._note(f"{request.host}{request.path}: {error}; the viewer got {error.status}.")
            cache = error.cache if isinstance(error, EdgeError) else "Error"
            response = EdgeResponse(error.status, (("Content-Type", "text/plain"),), f"{error}\n".encode())
        return _to_viewer(response, cache, visit)

    async def _definition(self, name: str) -> dict[str, Any] | None:
        status, _, body = await self._neighbour.forward(b"GET", f"{_PATH}{name}".encode(), _HEADERS, b"")
        found: dict[str, Any] | None = json.loads(body) if status == 200 else None
        return found

    def _visit(self, definition: Mapping[str, Any], request: HttpRequest) -> Visit:
        behaviour = next(
            each
            for each in definition["behaviours"]
            if edge_cache.path_matches(each["path_pattern"], request.path)
        )
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes).decode()
        trace = trace_header(self._clock.now(), str(uuid.uuid4()))
        return Visit(
            Distribution(definition["domain_name"], definition["id"], identity), definition, behaviour, trace
        )

    async def _serve(self, visit: Visit, asked: EdgeRequest) -> tuple[EdgeResponse, str]:
        """Return the response and what ``X-Cache`` says of it."""
        request = await self._functions.on_request("viewer-request", visit, asked)
        if isinstance(request, EdgeResponse):
            kind = "FunctionGeneratedResponse" if visit.behaviour["functions"] else "LambdaGeneratedResponse"
            return request, kind
        root = visit.definition["default_root_object"]
        if request.uri == "/" and root:
            request = replace(request, uri=f"/{root}")
        response, cache = await self._from_cache(visit, request)
        if response.status < 400:  # Source: "Restrictions on all edge functions", "HTTP status codes"
            response = await self._functions.on_response("viewer-response", visit, request, response)
        return response, cache

    async def _from_cache(self, visit: Visit, request: EdgeRequest) -> tuple[EdgeResponse, str]:
        behaviour, distribution_id = visit.behaviour, visit.definition["id"]
        keeps = edge_cache.may_keep(behaviour, request)
        key, now = edge_cache.key(behaviour, request), self._clock.now()
        kept = self._cache.find(distribution_id, key, now) if keeps else None
        if kept is not None:
            aged = (*kept.response.headers, ("Age", str(int(now - kept.arrived_at))))
            return _for(request, replace(kept.response, headers=aged)), _said("Hit", kept.response)
        # A HEAD becomes a GET towards the origin, so that what is kept serves both.
        asked = replace(request, method="GET") if keeps and request.method == "HEAD" else request
        response, generated = await self._from_origin(visit, asked)
        if keeps:
            ttl_s = edge_cache.ttl_s(behaviour, response)
            self._cache.keep(distribution_id, key, response, self._clock.now(), ttl_s)
        return _for(request, response), "LambdaGeneratedResponse" if generated else _said("Miss", response)

    async def _from_origin(self, visit: Visit, request: EdgeRequest) -> tuple[EdgeResponse, bool]:
        origin = visit.definition["origins"][visit.behaviour["origin"]]
        forwarded = edge_forwarding.to_origin(visit.behaviour, origin, request, _VIA)
        made = await self._functions.on_request("origin-request", visit, forwarded)
        if isinstance(made, EdgeResponse):
            return made, True
        response = await self._origins.fetch(made)
        return await self._functions.on_response("origin-response", visit, made, response), False


def _for(request: EdgeRequest, response: EdgeResponse) -> EdgeResponse:
    return replace(response, body=b"") if request.method == "HEAD" else response


def _said(kind: str, response: EdgeResponse) -> str:
    return "Error" if response.status >= 400 else kind


def _to_viewer(response: EdgeResponse, cache: str, visit: Visit) -> HttpResponse:
    headers = [
        (name, value)
        for name, value in response.headers
        if name.lower() not in ("content-length", "connection")
    ]
    own = (("X-Cache", f"{cache} from cloudfront"), ("Via", _VIA), ("X-Amz-Cf-Pop", "SANDBOX-C1"))
    identity = ("X-Amz-Cf-Id", visit.distribution.request_id)
    return HttpResponse(response.status, (*headers, *own, identity), response.body, response.description)


def _plain(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(status, (("Content-Type", "text/plain"),), f"{sentence}\n".encode())
