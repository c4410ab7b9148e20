"""Request validators of REST APIs: required parameters, and bodies against a model.

Source: API Gateway Developer Guide, "Request validation for REST APIs", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.visit import Visit

_JSON = "application/json"


def check(visit: Visit, method: Mapping[str, Any], deployed: Mapping[str, Any]) -> None:
    """Check what the method's validator asks for. Raises ``GatewayError`` (400)."""
    validator = deployed["requestValidators"].get(method.get("requestValidatorId")) or {}
    if validator.get("validateRequestParameters"):
        _check_parameters(visit, method.get("requestParameters") or {})
    if validator.get("validateRequestBody"):
        _check_body(visit, method.get("requestModels") or {}, deployed["models"])


def _check_parameters(visit: Visit, wanted: Mapping[str, Any]) -> None:
    missing = []
    for name, required in wanted.items():
        _, _, rest = name.partition("method.request.")
        kind, _, parameter = rest.partition(".")
        if str(required).lower() == "true" and not _given(visit, kind, parameter):
            missing.append(parameter)
    if missing:
        listed = ", ".join(missing)
        raise GatewayError(
            "BAD_REQUEST_PARAMETERS", f"missing: {listed}", f"Missing required request parameters: [{listed}]"
        )


def _given(visit: Visit, kind: str, name: str) -> bool:
    if kind == "header":
        return bool(visit.request.header(name))
    if kind == "querystring":
        return bool(dict(visit.request.parameters()).get(name))
    return bool(visit.path_parameters.get(name))


def _check_body(visit: Visit, models: Mapping[str, str], schemas: Mapping[str, Any]) -> None:
    media_type = visit.request.header("content-type", _JSON).partition(";")[0].strip().lower()
    name = models.get(media_type) or models.get("$default")
    if name is None or name == "Empty" or not schemas.get(name):
        return
    # Only here: its import would be a fifth of the server's start, and few APIs have a model.
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    from lambda_sandbox.json_schema import jsonschema

    try:
        schema = json.loads(schemas[name])
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        # With a registry of its own it fetches nothing that a model refers to, from this machine's files or from elsewhere.
        body = kind(schema, registry=Registry())
        wrong = jsonschema.exceptions.best_match(body.iter_errors(json.loads(visit.request.body or b"null")))
        if wrong is not None:
            raise wrong
    except Unresolvable as missing:
        raise GatewayError(
            "API_CONFIGURATION_ERROR", f"the model {name} refers to {missing.ref}, which is not in it"
        ) from None
    except jsonschema.ValidationError as reason:
        raise GatewayError(
            "BAD_REQUEST_BODY", f"the body does not fit the model {name}: {reason.message}"
        ) from None
    except ValueError:
        raise GatewayError("BAD_REQUEST_BODY", "the body is not JSON") from None
    except jsonschema.SchemaError as reason:
        raise GatewayError(
            "API_CONFIGURATION_ERROR", f"the model {name} is no JSON schema: {reason.message}"
        ) from None
