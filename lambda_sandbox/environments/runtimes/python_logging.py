"""Logs as AWS's Python runtime writes them: the root logger's one handler, and the entry of a failed handler.

Text, or JSON where ``AWS_LAMBDA_LOG_FORMAT`` says so. Standard library only; it lies beside ``python_client``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from lambda_sandbox.environments.runtimes.python_json import Encoder
else:
    from python_json import Encoder

NO_BREAK_SPACE = "\u00a0"  # AWS: keeps the indentation of a traceback in log viewers that strip blanks
_TIME = "%Y-%m-%dT%H:%M:%S"
_LINE = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_OWN_MEMBERS = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "tenant_id"}
# What AWS's runtime writes, word for word, before the error of an init that failed.
_INIT_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, "
    "a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, runtime updates "
    "can be triggered by a function change, or can be applied automatically. To determine if the runtime has been updated, "
    "check the runtime version in the INIT_START log entry. If this error correlates with a change in the runtime version, "
    "you may be able to mitigate this error by temporarily rolling back to the previous runtime version. For more "
    "information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


class CurrentRequest(logging.Filter):
    """Gives each record the ids of the request that runs; they are empty during init."""

    request_id = ""
    tenant_id: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        record.tenant_id = self.tenant_id
        return True


current_request = CurrentRequest()


class _StdoutHandler(logging.Handler):
    """Looks ``sys.stdout`` up at each record, so a handler that swaps it keeps its logs together."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record))  # AWS: a record that cannot be written raises where it was made


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        plain = isinstance(record.msg, dict) and not record.args
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, f"{_TIME}Z"),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
            **_error_members(record),
            "requestId": getattr(record, "aws_request_id", None),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if record.exc_info else None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        extra = {k: v for k, v in vars(record).items() if k not in _OWN_MEMBERS and entry.get(k) is None}
        shown = {k: v for k, v in {**entry, **extra}.items() if v is not None}
        return json.dumps(shown, ensure_ascii=False, default=str) + "\n"


def _error_members(record: logging.LogRecord) -> dict[str, Any]:
    if not record.exc_info:
        return {}
    type_, value, trace = record.exc_info
    if type_ is None:
        return {}
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": type_.__name__,
        "errorMessage": str(value),
    }


def is_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").upper() == "JSON"


def _handler(text: bool) -> logging.Handler:
    handler = _StdoutHandler()
    formatter = logging.Formatter(_LINE, _TIME) if text else _JsonFormatter()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(current_request)
    return handler


_ready = [_handler(text=True)]  # an interpreter that is forked for a function has it from before


def configure_logging() -> None:
    """Give the root logger AWS's one handler: level, UTC time with milliseconds, request id, message."""
    text = not is_json()
    root = logging.getLogger()
    root.addHandler(_ready.pop() if text and _ready else _handler(text))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if level and isinstance(logging.getLevelName(level), int):
        root.setLevel(level)


def log_error(payload: dict[str, Any]) -> None:
    """Write the ``[ERROR]`` entry of a failed handler: one entry, its lines parted by carriage returns as AWS does."""
    if is_json():
        stamp = time.strftime(f"{_TIME}Z", time.gmtime())
        sys.stdout.write(Encoder().encode({"timestamp": stamp, "level": "ERROR", **payload}) + "\n")
        return
    head = "[ERROR] " + payload["errorType"]
    if payload["errorMessage"]:
        head += ": " + payload["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for entry in payload["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            lines.append(NO_BREAK_SPACE * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")


def log_init_error(payload: dict[str, Any]) -> None:
    """Write what AWS's runtime says of an init that failed: its warning, then the error."""
    logging.warning(_INIT_WARNING)
    log_error(payload)
