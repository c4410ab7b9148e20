"""The grader's own client of one submission's sandbox."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.errors import NoAnswer

if TYPE_CHECKING:  # boto3 is ten megabytes: a lab without AWS has none of it
    import boto3

_REGION = "us-east-1"
_ACCOUNT_ID = "000000000000"
_ROLE = f"arn:aws:iam::{_ACCOUNT_ID}:role/grader"
_MAX_ANSWER_BYTES = 50_000_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation as its caller saw it: ``payload`` as JSON, ``report`` from the REPORT line (numbers as floats)."""

    payload: Any
    function_error: str | None
    report: dict[str, Any] = field(default_factory=dict)
    log: str = ""


class Sandbox:
    """The grader's own client of one submission's sandbox, over HTTP; nothing in it comes from the submission."""

    def __init__(self, url: str, session: boto3.Session | None = None) -> None:
        self.url = url
        self._session = session or _own_session()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a boto3 client of ``service`` in this sandbox."""
        if service not in self._clients:
            import botocore.config

            settings = botocore.config.Config(
                connect_timeout=5,
                read_timeout=55,
                retries={"total_max_attempts": 1},
                parameter_validation=True,
            )
            make: Any = self._session.client  # boto3's stubs list services by name
            self._clients[service] = make(
                service, region_name=_REGION, endpoint_url=self.url or None, config=settings
            )
        return self._clients[service]

    def invoke(self, name: str, event: object) -> Invocation:
        """Invoke a function synchronously with ``event`` as JSON and return what came back."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        body = answer["Payload"].read(_MAX_ANSWER_BYTES)
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return Invocation(_strict_json(body), answer.get("FunctionError"), parse_report(log), log)

    def history(self) -> dict[str, Any]:
        """Return ``{"invocations": […], "environments": […]}`` as the sandbox tells it."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/history", timeout=30) as answer:  # noqa: S310 (loopback)
            found: dict[str, Any] = json.loads(answer.read(_MAX_ANSWER_BYTES))
            return found

    def log_lines(self, name: str) -> list[str]:
        """Return what stands in a function's log, an entry each, by time."""
        asked = urllib.parse.urlencode({"function": name})
        with urllib.request.urlopen(f"{self.url}/_sandbox/logs?{asked}", timeout=30) as answer:  # noqa: S310 (loopback)
            return [event["message"] for event in json.loads(answer.read(_MAX_ANSWER_BYTES))["events"]]

    def has_function(self, name: str) -> bool:
        """Return whether a function of that name exists."""
        import botocore.exceptions

        try:
            self.client("lambda").get_function_configuration(FunctionName=name)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        return True

    def deploy(self, name: str, source: str | dict[str, str], **configuration: Any) -> None:
        """Create a function of the grader's own, a probe; ``configuration`` goes to ``CreateFunction`` as it is."""
        files = {"app.py": source} if isinstance(source, str) else source
        settings = {"Runtime": "python3.13", "Handler": "app.handler", "Role": _ROLE, **configuration}
        client = self.client("lambda")
        client.create_function(FunctionName=name, Code={"ZipFile": _zip(files)}, **settings)
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )


def warm_up() -> None:
    """Have boto3 read now what it reads for a first client, so that every fork of this process finds it read."""
    _own_session().client("lambda", endpoint_url="http://127.0.0.1:9")


@functools.cache
def _own_session() -> boto3.Session:
    import boto3

    # moto takes an access key of twelve digits for the account: it must be the one the notebook worked in.
    return boto3.Session(
        aws_access_key_id=_ACCOUNT_ID,
        aws_secret_access_key="sandbox",  # noqa: S106 - of the account's root user, where signatures are verified
        region_name=_REGION,
    )


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _strict_json(body: bytes) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    if not body:
        return None
    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise NoAnswer(
            f"the function's answer is not JSON ({error})",
            wanted="an answer that is JSON",
            look_at="what the handler returns: no NaN, nothing that holds itself",
        ) from None


def parse_report(log: str) -> dict[str, Any]:
    """Return the last REPORT line of a log; names in snake case, units in the names, numbers as floats.

    >>> parse_report("REPORT RequestId: 7\\tDuration: 1.50 ms\\tMax Memory Used: 30 MB\\t")
    {'request_id': '7', 'duration_ms': 1.5, 'max_memory_used_mb': 30.0}
    """
    lines = [line for line in _ANSI.sub("", log).splitlines() if line.startswith("REPORT ")]
    report: dict[str, Any] = {}
    for part in lines[-1].removeprefix("REPORT ").split("\t") if lines else []:
        name, _, value = part.strip().partition(": ")
        key = re.sub(r"(?<=[a-z])(?=[A-Z])| ", "_", name).lower()
        number = re.fullmatch(r"([0-9.]+) (ms|MB|s)", value)
        if number:
            report[f"{key}_{number[2].lower()}"] = float(number[1])
        elif key:
            report[key] = value
    return report
