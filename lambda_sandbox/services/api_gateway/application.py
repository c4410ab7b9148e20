"""WSGI middleware: whole definitions for the sandbox's front doors, and the operations of API Gateway v2 that moto lacks."""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from lambda_sandbox.services.api_gateway import (
    rest_definitions,
    rest_tags,
    unserved,
    v2_definitions,
    v2_refusals,
)
from lambda_sandbox.services.wsgi_server import Environ

PATH = "/_sandbox/apis/"  # the endpoint keeps every path below /_sandbox/ to itself: only the sandbox can ask
PLANS = "/_sandbox/usage-plans/"
_DEPLOYMENTS = re.compile(r"/v2/apis/([^/]+)/deployments(?:/([^/]+))?/?")
_AUTHORIZERS = re.compile(r"/v2/apis/([^/]+)/authorizers/?")
_ROUTE_RESPONSES = re.compile(r"/v2/apis/([^/]+)/routes/([^/]+)/routeresponses/?")
_SIGNED_FOR = "/apigateway/aws4_request"
_STAGE = re.compile(r"/v2/apis/([^/]+)/stages/([^/]+)/?")
_ID_CHARS = string.ascii_lowercase + string.digits
# What UpdateStage may change, with the attribute of moto's stage.
_STAGE_MEMBERS = {
    "autoDeploy": "auto_deploy",
    "deploymentId": "deployment_id",
    "description": "description",
    "stageVariables": "stage_variables",
    "defaultRouteSettings": "default_route_settings",
    "routeSettings": "route_settings",
}

Answer = tuple[int, dict[str, Any]]


class ApiGateway:
    """Answers what is named above and passes all else on."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = _answer(environ)
        if answer is None and _SIGNED_FOR in environ.get("HTTP_AUTHORIZATION", ""):
            passed_on = _tags(environ) or self._pass_on(environ, start_response)
            if not isinstance(passed_on, tuple):
                return passed_on
            answer = passed_on
        if answer is None:
            chunks: Iterable[bytes] = self._application(environ, start_response)
            return chunks
        status, value = answer
        body = json.dumps(value).encode() if status != 204 else b""
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if status >= 400:
            headers.append(("x-amzn-ErrorType", value["code"]))
        start_response(f"{status} Answer", headers)
        return [body]

    def _pass_on(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes] | Answer:
        """Return moto's answer, or ours where moto has none: it raises, or has a page of HTML for paths that it does not know."""
        told: list[tuple[Any, ...]] = []
        try:
            body = b"".join(self._application(environ, lambda *given: told.append(given)))
        except NotImplementedError:
            return _unserved(environ)
        except KeyError as missing:  # moto looks up what a path names, and not always whether it is there
            if str(missing.args[0]) not in environ.get("PATH_INFO", "").split("/"):
                raise
            return _missing(f"Invalid identifier specified {missing.args[0]}")  # UNCONFIRMED: wording
        status, headers, *_ = told[-1]
        if status.startswith("404") and dict(headers).get("Content-Type", "").startswith("text/html"):
            return _unserved(environ)
        start_response(*told[-1])
        return [body]


def _answer(environ: Environ) -> Answer | None:
    path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
    if path.startswith(PATH):
        return _definition(path.removeprefix(PATH))
    if path.startswith(PLANS):
        return _usage_plan(*path.removeprefix(PLANS).split("/"))
    deployments = _DEPLOYMENTS.fullmatch(path)
    if deployments is not None:
        return _deployments(method, deployments[1], deployments[2], environ)
    responses = _ROUTE_RESPONSES.fullmatch(path) if method == "GET" else None
    if responses is not None:
        return _route_responses(responses[1], responses[2])
    authorizers = _AUTHORIZERS.fullmatch(path) if method == "GET" else None
    if authorizers is not None:
        return _authorizers(authorizers[1])
    stage = _STAGE.fullmatch(path) if method == "PATCH" else None
    return None if stage is None else _update_stage(stage[1], stage[2], _body(environ))


def _tags(environ: Environ) -> Answer | None:
    path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
    gone = parse_qs(environ.get("QUERY_STRING", "")).get("tagKeys", []) if method == "DELETE" else []
    if not path.startswith("/tags/"):
        return None
    given = _body(environ).get("tags") or {} if method == "PUT" else {}
    return rest_tags.answer(method, path, environ.get("HTTP_X_MOTO_ACCOUNT_ID", ""), given, gone)


def _definition(api_id: str) -> Answer:
    from moto.apigateway.models import apigateway_backends

    for regions in list(apigateway_backends.values()):
        for backend in list(regions.values()):
            if api_id in backend.apis:
                return 200, rest_definitions.definition(backend.apis[api_id], backend)
    api = _v2_api(api_id)
    return (
        _missing(f"Invalid API id specified: {api_id}")
        if api is None
        else (200, v2_definitions.definition(api))
    )


def _usage_plan(account_id: str, region: str, plan_id: str) -> Answer:
    from moto.apigateway.models import apigateway_backends

    backend = apigateway_backends[account_id][region]
    plan = backend.usage_plans.get(plan_id)
    if plan is None:
        return _missing("Invalid Usage Plan ID specified")
    return 200, {**plan.to_json(), "keys": list(backend.usage_plan_keys.get(plan_id, {}))}


def _v2_api(api_id: str) -> Any:
    from moto.apigatewayv2.models import apigatewayv2_backends

    for regions in list(apigatewayv2_backends.values()):
        for backend in list(regions.values()):
            if api_id in backend.apis:
                return backend.apis[api_id]
    return None


def _deployments(method: str, api_id: str, deployment_id: str | None, environ: Environ) -> Answer:
    api = _v2_api(api_id)
    if api is None:
        return _missing(f"Invalid API identifier specified {api_id}")
    kept = v2_definitions.deployments_of(api)
    if deployment_id is None:
        if method == "POST":
            return _deploy(api, _body(environ))
        return 200, {"items": [_shown(each) for each in kept.values()]}
    if deployment_id not in kept:
        return _missing(f"Invalid deployment identifier specified {deployment_id}")
    if method == "DELETE":
        if any(getattr(stage, "deployment_id", "") == deployment_id for stage in api.stages.values()):
            return 400, _error(
                "BadRequestException", "Active stages pointing to this deployment must be moved or deleted"
            )
        del kept[deployment_id]
        return 204, {}
    if method == "PATCH":
        kept[deployment_id]["description"] = _body(environ).get("description", "")
    return 200, _shown(kept[deployment_id])


def _deploy(api: Any, asked: dict[str, Any]) -> Answer:
    if not api.routes:
        return 400, _error("BadRequestException", "At least one route is required before deploying the Api.")
    stage = asked.get("stageName")
    if stage and stage not in api.stages:
        return _missing(f"Invalid stage identifier specified {stage}")
    deployment_id = "".join(secrets.choice(_ID_CHARS) for _ in range(6))
    made = {
        "deploymentId": deployment_id,
        "createdDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deploymentStatus": "DEPLOYED",
        "description": asked.get("description") or "",
        "autoDeployed": False,
        "definition": v2_definitions.snapshot(api),
    }
    v2_definitions.deployments_of(api)[deployment_id] = made
    if stage:
        api.stages[stage].deployment_id = deployment_id
    return 201, _shown(made)


def _authorizers(api_id: str) -> Answer:
    api = _v2_api(api_id)
    if api is None:
        return _missing(f"Invalid API identifier specified {api_id}")
    return 200, {"items": [each.to_json() for each in list(api.authorizers.values())]}


def _route_responses(api_id: str, route_id: str) -> Answer:
    api = _v2_api(api_id)
    if api is None:
        return _missing(f"Invalid API identifier specified {api_id}")
    if route_id not in api.routes:
        return _missing(f"Invalid Route identifier specified {route_id}")
    return 200, {"items": [each.to_json() for each in list(api.routes[route_id].route_responses.values())]}


def _unserved(environ: Environ) -> Answer:
    path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
    name = unserved.operation(method, path)
    if name and not unserved.is_known(name, path):
        return 400, _error("BadRequestException", unserved.sentence(name))
    what = f" for {name}" if name else ""
    return _missing(f"API Gateway has nothing{what} at {method} {path}: check the identifiers in it.")


def _update_stage(api_id: str, name: str, asked: dict[str, Any]) -> Answer:
    api = _v2_api(api_id)
    stage = api.stages.get(name) if api is not None else None
    if stage is None:
        return _missing(f"Invalid stage identifier specified {name}")
    wanted = asked.get("deploymentId")
    if wanted and wanted not in v2_definitions.deployments_of(api):
        return _missing(f"Invalid deployment identifier specified {wanted}")
    why = v2_refusals.stage(asked)
    if why:
        return 400, _error("BadRequestException", why)
    unknown = v2_definitions.unknown_route(api, asked)
    if unknown:
        return _missing(unknown)
    for member, value in asked.items():
        if member in _STAGE_MEMBERS:
            setattr(stage, _STAGE_MEMBERS[member], value)
    return 200, stage.to_json()


def _shown(deployment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deployment.items() if name != "definition"}


def _body(environ: Environ) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    value = json.loads(environ["wsgi.input"].read(length) or b"{}")
    return value if isinstance(value, dict) else {}


def _missing(sentence: str) -> Answer:
    return 404, _error("NotFoundException", sentence)


def _error(code: str, sentence: str) -> dict[str, Any]:
    return {"message": sentence, "code": code}
