"""The function that an integration or an authorizer names."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SERVICE = r"arn:aws[^:]*:apigateway:[a-z0-9-]+:lambda:path"
_INVOKE = re.compile(_SERVICE + r"/2015-03-31/functions/(?P<arn>.+)/invocations(?:/.*)?")
_INVOKE_WITH_RESPONSE_STREAM = re.compile(
    _SERVICE + r"/2021-11-15/functions/(?P<arn>.+)/response-streaming-invocations"
)
_FUNCTION = re.compile(r"arn:aws[^:]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(?::[A-Za-z0-9$_-]+)?")
_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")


def function_arn(uri: str, stage_variables: Mapping[str, str]) -> str | None:
    """Return the function's ARN with stage variables filled in, ``None`` when the URI names no function."""
    filled = _filled(uri, stage_variables)
    path = _INVOKE.fullmatch(filled)
    arn = path["arn"] if path is not None else filled
    return arn if _FUNCTION.fullmatch(arn) else None


def streamed_function_arn(uri: str, stage_variables: Mapping[str, str]) -> str | None:
    """Return the same of a URI whose action is ``InvokeWithResponseStream``, ``None`` of every other."""
    path = _INVOKE_WITH_RESPONSE_STREAM.fullmatch(_filled(uri, stage_variables))
    return path["arn"] if path is not None and _FUNCTION.fullmatch(path["arn"]) else None


def _filled(uri: str, stage_variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: stage_variables.get(found[1], ""), uri)
