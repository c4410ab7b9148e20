"""Errors of Python's runtime: those it finds itself, and the objects that tell of a failed handler.

Standard library only; it lies beside ``python_client`` inside an environment.
"""

from __future__ import annotations

import json
import os
import traceback
from typing import Any

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_CAUSE_BYTES_MAX = 1024 * 1024


class RuntimeFault(Exception):
    """An error that the runtime itself finds; ``type_`` is its name on the wire, such as ``Runtime.HandlerNotFound``."""

    def __init__(self, type_: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.type_ = type_
        self.message = message
        self.trace = trace or []


def error_payload(error: Exception, request_id: str) -> dict[str, Any]:
    """Return the error object of Python's runtime for ``error``; the runtime's own frames are left out."""
    if isinstance(error, RuntimeFault):
        message, type_, trace = error.message, error.type_, error.trace
    else:
        message, type_, trace = str(error), type(error).__name__, traceback.format_list(_frames(error))
    return {"errorMessage": message, "errorType": type_, "requestId": request_id, "stackTrace": trace}


def xray_cause(error: Exception) -> str:
    """Return the ``XRay-Error-Cause`` header's value, or ``""`` if it would be longer than 1 MiB."""
    fault = isinstance(error, RuntimeFault)
    frames = [] if fault else _frames(error)
    stack = [{"label": frame.name, "path": frame.filename, "line": frame.lineno} for frame in frames]
    type_ = "LambdaValidationError" if fault else type(error).__name__
    cause = {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": str(error), "type": type_, "stack": stack}],
        "paths": sorted({frame.filename for frame in frames}),
    }
    text = json.dumps(cause)
    return text if len(text) < _CAUSE_BYTES_MAX else ""


def _frames(error: Exception) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if not _is_own(frame.filename)), len(frames))
    return list(frames[first:])


def _is_own(filename: str) -> bool:
    return os.path.dirname(filename) == _OWN_FOLDER and os.path.basename(filename).startswith("python_")
