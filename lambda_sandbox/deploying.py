"""One line from code to a function that answers, for tests and notebooks: ``sandbox.deploy(Path("src")).invoke({})``."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.config import Config
from lambda_sandbox.packaging import is_archive, package

# A mistyped path must not be deployed as the text of app.py, where a test that expects no answer would pass. No handler
# fits on one line without one of these characters, and few paths have them.
_CODE = re.compile(r"[(=:;]")
_SUFFIXES = re.compile(r"\.(py|js|mjs|cjs|rb|zip|jar)$")
_LANGUAGES = {
    ".py": "python",
    ".js": "nodejs",
    ".mjs": "nodejs",
    ".cjs": "nodejs",
    ".rb": "ruby",
    ".jar": "java",
}


@dataclass(frozen=True, slots=True)
class Invoked:
    """What one invocation gave back.

    ``value`` is the payload, read as JSON: the handler's result, or the error object when ``error`` is not empty
    (``Unhandled``, AWS's ``FunctionError``). ``log`` is the end of the log, 4 KB.
    """

    value: Any
    error: str
    log: str


class Deployed:
    """A function that was deployed; ``name`` and ``arn`` are as in the API, ``client`` is the boto3 client behind it."""

    def __init__(self, client: Any, name: str, arn: str) -> None:
        self.client = client
        self.name = name
        self.arn = arn

    def invoke(self, event: Any = None, **options: Any) -> Invoked:
        """Invoke with ``event`` as JSON and wait for the answer; ``options`` are boto3's, such as ``Qualifier``."""
        answer = self.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event).encode(), LogType="Tail", **options
        )
        payload = answer["Payload"].read()
        log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
        return Invoked(json.loads(payload) if payload else None, answer.get("FunctionError", ""), log)


def deploy(client: Any, source: str | Path | Mapping[str, str | bytes], **options: Any) -> Deployed:
    """Create a function through ``client`` and return it.

    ``source`` is a file, a folder, a ``.zip`` or ``.jar`` that is deployed as it is, a dictionary of names to contents, or
    the text of ``app.py``. ``options`` are those of ``create_function``; unless given, ``Handler`` is the file's ``handler``
    (else ``app.handler``), ``FunctionName`` comes from the file or folder (else ``app``), and ``Runtime`` is the newest of
    the file's language, this Python's version for Python and for what has no language in its name.

    Raises what ``package`` and boto3 raise; a text that can only be a path, and names nothing, is ``FileNotFoundError``,
    and a ``.jar`` without ``Handler`` is ``ValueError``.
    """
    path = _path(source)
    in_a_file = path is not None and path.is_file()
    module = path.stem if path is not None and in_a_file and not is_archive(path) else "app"
    if path is not None and path.suffix.lower() == ".jar" and "Handler" not in options:
        raise ValueError(f"name the Handler in {path}, such as Handler='example.Greeter::handleRequest'")
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", path.resolve().stem)[:64] if path is not None else "app"
    values = {
        "FunctionName": name,
        "Handler": f"{module}.handler",
        "Runtime": (newest_runtime(path.suffix) if path is not None and in_a_file else "") or own_runtime(),
        "Role": f"arn:aws:iam::{Config.load().account_id}:role/tests",
        "Code": {"ZipFile": package(source if path is None else path)},
        **options,
    }
    answer = client.create_function(**values)
    return Deployed(client, answer["FunctionName"], answer["FunctionArn"])


def newest_runtime(suffix: str) -> str:
    """Return the runtime for a source file: this very Python's, or the newest of its language; ``""`` for another kind."""
    language = _LANGUAGES.get(suffix.lower(), "")
    if language == "python":
        return own_runtime()
    names = [each.name for each in runtime_identifiers.RUNTIMES if each.language == language]
    return names[-1] if names else ""


def own_runtime() -> str:
    """Return the runtime of the Python that runs this, or the newest of Python where Lambda has none such."""
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    newest = [each.name for each in runtime_identifiers.RUNTIMES if each.language == "python"][-1]
    return own if own in runtime_identifiers.NAMES else newest


def _path(source: str | Path | Mapping[str, str | bytes]) -> Path | None:
    if isinstance(source, str) and "\n" not in source:
        if len(source) < 256 and Path(source).exists():
            return Path(source)
        if _SUFFIXES.search(source) or ("/" in source and not _CODE.search(source)):
            raise FileNotFoundError(
                f"there is no file or folder {source}; name one that exists, or pass the text of app.py"
            )
    return source if isinstance(source, Path) else None
