"""Versions that are made ready before they are called, for tests."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.contract.conftest import Server


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def invoke(server: Server, name: str, qualifier: str) -> tuple[Any, str]:
    """Return what the handler returned and the end of the log."""
    answer = server.client("lambda").invoke(FunctionName=name, Qualifier=qualifier, LogType="Tail")
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read()), base64.b64decode(answer["LogResult"]).decode()


def history(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history") as answer:
        found: dict[str, Any] = json.load(answer)
    return found
