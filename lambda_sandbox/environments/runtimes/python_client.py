"""The lean Runtime API client for Python: what runs the handler inside an environment.

Standard library only, and it imports nothing else of the sandbox: it is mounted alone at ``/var/runtime``. One keep-alive
TCP connection carries everything; an answer and the request for the next event leave in one write.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API"; payloads and log lines as those of awslambdaric 4.2.2.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import logging
import math
import os
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

API = "/2018-06-01/runtime"
NEXT = f"GET {API}/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n".encode()
NO_BREAK_SPACE = "\u00a0"  # AWS: keeps the indentation of a traceback in log viewers that strip blanks
_ENSURE_ASCII_RUNTIMES = frozenset(f"AWS_Lambda_python3.{minor}" for minor in range(6, 12))

Handler = Callable[[Any, Any], Any]
Headers = dict[bytes, str]


class RuntimeFault(Exception):
    """An error that the runtime itself finds; ``type_`` is its name on the wire, such as ``Runtime.HandlerNotFound``."""

    def __init__(self, type_: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.type_ = type_
        self.message = message
        self.trace = trace or []


class Identity:
    """Cognito identity of the caller; both members are ``None`` for any other caller."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.cognito_identity_id = members.get("cognitoIdentityId")
        self.cognito_identity_pool_id = members.get("cognitoIdentityPoolId")


class Client:
    """The mobile application that made the call."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.installation_id = members.get("installation_id")
        self.app_title = members.get("app_title")
        self.app_version_name = members.get("app_version_name")
        self.app_version_code = members.get("app_version_code")
        self.app_package_name = members.get("app_package_name")


class ClientContext:
    """What the caller passed as ``ClientContext``."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.custom = members.get("custom")
        self.env = members.get("env")
        client = members.get("client")
        self.client = Client(client) if client is not None else None


class LambdaContext:
    """The handler's second argument. ``memory_limit_in_mb`` is text. AWS: so it is in Python's runtime."""

    def __init__(self, headers: Headers) -> None:
        environ = os.environ
        self.aws_request_id = headers.get(b"lambda-runtime-aws-request-id", "")
        self.invoked_function_arn = headers.get(b"lambda-runtime-invoked-function-arn")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.tenant_id = headers.get(b"lambda-runtime-aws-tenant-id")
        client = _json_header(headers, b"lambda-runtime-client-context", "Client Context")
        self.client_context = ClientContext(client) if client is not None else None
        self.identity = Identity(
            _json_header(headers, b"lambda-runtime-cognito-identity", "Cognito Identity") or {}
        )
        self._deadline_ms = int(headers.get(b"lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self) -> int:
        """Return whole milliseconds until the timeout, never less than 0."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write ``message`` to the log as it is, without a line break."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        shown = ",".join(f"{name}={value}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"LambdaContext([{shown}])"


def _json_header(headers: Headers, name: bytes, title: str) -> Any:
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise RuntimeFault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {title} JSON: {error}"
        ) from None


class Connection:
    """One keep-alive connection to the Runtime API. Ends the process quietly when the sandbox hangs up."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, message: bytes) -> None:
        self._socket.sendall(message)

    def read(self) -> tuple[int, Headers, bytes]:
        """Return status, headers by lower-case name, and body of the next answer."""
        data = self._buffer
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        lines = data[:end].split(b"\r\n")
        headers: Headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip().decode("utf-8", "replace")
        length = int(headers.get(b"content-length", "0"))
        start = end + 4
        if len(data) - start < length:
            self._buffer = b""
            return int(lines[0][9:12]), headers, self._read_rest(data[start:], length)
        self._buffer = data[start + length :]
        return int(lines[0][9:12]), headers, data[start : start + length]

    def _read_rest(self, first: bytes, length: int) -> bytes:
        body = bytearray(length)
        body[: len(first)] = first
        view = memoryview(body)[len(first) :]
        while view:
            count = self._socket.recv_into(view)
            if not count:
                os._exit(0)
            view = view[count:]
        return bytes(body)

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            os._exit(0)
        return data


class _Encoder(json.JSONEncoder):
    """JSON with ``Decimal`` as a bare number, as AWS's encoder writes it."""

    def __init__(self) -> None:
        super().__init__(ensure_ascii=os.environ.get("AWS_EXECUTION_ENV") in _ENSURE_ASCII_RUNTIMES)
        self._mark = ""

    def default(self, o: Any) -> Any:
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(o, decimal.Decimal):
            return super().default(o)
        if o.is_nan():
            return math.nan
        self._mark = self._mark or os.urandom(8).hex()
        return f"{self._mark}{o}"

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        if self._mark:
            text = re.sub(f'"{self._mark}([^"]*)"', r"\1", text)
            self._mark = ""
        return text


def load_handler(name: str) -> Handler:
    """Return the function that ``name`` (``module.function``, ``folder/module.function``) points to.

    Raises ``RuntimeFault`` with AWS's type and message, or whatever the module raises while it is imported.
    """
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise RuntimeFault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message) from None
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        line = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message, [line]) from None
    if not hasattr(module, function_name):
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    handler: Handler = getattr(module, function_name)
    return handler


def error_payload(error: Exception, request_id: str) -> dict[str, Any]:
    """Return the error object of Python's runtime for ``error``; frames of this file are left out."""
    if isinstance(error, RuntimeFault):
        message, type_, trace = error.message, error.type_, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = next((i for i, frame in enumerate(frames) if frame.filename != __file__), len(frames))
        message, type_, trace = str(error), type(error).__name__, traceback.format_list(frames[own:])
    return {"errorMessage": message, "errorType": type_, "requestId": request_id, "stackTrace": trace}


def log_error(payload: dict[str, Any]) -> None:
    """Write the ``[ERROR]`` entry of a failed handler: one entry, its lines parted by carriage returns as AWS does."""
    if _log_format() == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(_Encoder().encode({"timestamp": stamp, "level": "ERROR", **payload}) + "\n")
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


def _log_format() -> str:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").upper()


class _RequestId(logging.Filter):
    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = _RequestId.current
        return True


class _StdoutHandler(logging.Handler):
    """Looks ``sys.stdout`` up at each record, so a handler that swaps it keeps its logs together."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(self.format(record))
        except Exception:
            self.handleError(record)


class _JsonFormatter(logging.Formatter):
    _standard = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        plain = isinstance(record.msg, dict) and not record.args
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["stackTrace"] = traceback.format_tb(record.exc_info[2])
            entry["errorType"] = record.exc_info[0].__name__
            entry["errorMessage"] = str(record.exc_info[1])
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        entry["requestId"] = getattr(record, "aws_request_id", "")
        extra = {k: v for k, v in vars(record).items() if k not in self._standard and k not in entry}
        return json.dumps({**entry, **extra}, ensure_ascii=False, default=str) + "\n"


def configure_logging() -> None:
    """Give the root logger AWS's one handler: level, UTC time with milliseconds, request id, message."""
    handler = _StdoutHandler()
    formatter: logging.Formatter
    if _log_format() == "JSON":
        formatter = _JsonFormatter()
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        formatter = logging.Formatter(line, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(_RequestId())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)


def configure_paths() -> None:
    """Order the import path as AWS does: the code, the layers, then what the runtime brings along."""
    # The function's version, also where another interpreter stands in for it: layers are laid out for that one.
    version = os.environ.get("AWS_EXECUTION_ENV", "").removeprefix("AWS_Lambda_")
    layers = os.environ.pop("LAMBDA_SANDBOX_LAYERS", "/opt")
    last = [os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")]
    first = [os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())]
    first += [
        path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path not in last
    ]
    first += [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    own = {*first, *last, os.path.dirname(os.path.abspath(__file__))}
    sys.path[:] = first + [path for path in sys.path if path and path not in own] + last
    sys.path_importer_cache.clear()


def _post(path: str, body: bytes, extra: str = "", content_type: str = "application/json") -> bytes:
    head = f"POST {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nContent-Type: {content_type}\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _error_message(path: str, payload: dict[str, Any]) -> bytes:
    error_type = payload["errorType"].encode("ascii", "replace").decode()
    return _post(
        path, _Encoder().encode(payload).encode(), f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
    )


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def handle(handler: Handler, headers: Headers, body: bytes, encoder: _Encoder) -> bytes:
    """Run one event and return the message that answers it."""
    request_id = headers.get(b"lambda-runtime-aws-request-id", "")
    try:
        context = LambdaContext(headers)
        result = handler(_event(body), context)
        if isinstance(result, bytes):
            return _post(f"/invocation/{request_id}/response", result, content_type="application/unknown")
        return _post(f"/invocation/{request_id}/response", _marshal(result, encoder))
    except Exception as error:
        payload = error_payload(error, request_id)
        log_error(payload)
        return _error_message(f"/invocation/{request_id}/error", payload)


def _event(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _marshal(result: Any, encoder: _Encoder) -> bytes:
    try:
        return encoder.encode(result).encode()
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _trace_id(headers: Headers) -> None:
    trace_id = headers.get(b"lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def _initialise(connection: Connection) -> Handler:
    try:
        return load_handler(os.environ["_HANDLER"])
    except Exception as error:
        payload = error_payload(error, "")
        log_error(payload)
        _flush()
        connection.send(_error_message("/init/error", payload))
        connection.read()
        sys.exit(1)


def report_init_error(error_type: str, message: str) -> None:
    """Fail the init of a runtime that cannot be started: one sentence, in the log and in the answer."""
    print(message)
    _flush()
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.send(_error_message("/init/error", error_payload(RuntimeFault(error_type, message), "")))
    connection.read()


def main() -> None:
    """Load the handler, then answer events until the sandbox ends the process."""
    if not hasattr(builtins, "exit"):
        import site

        site.setquit()  # started without site: handlers may still call exit()
    configure_paths()
    configure_logging()
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    handler = _initialise(connection)
    encoder = _Encoder()
    _flush()
    connection.send(NEXT)
    while True:
        _, headers, body = connection.read()
        _RequestId.current = headers.get(b"lambda-runtime-aws-request-id", "")
        _trace_id(headers)
        answer = handle(handler, headers, body, encoder)
        _flush()  # what was printed is in the pipe before the answer leaves
        connection.send(answer + NEXT)
        # A refused answer (413 for one too large) is the sandbox's to report; the environment lives on.
        connection.read()


def configure_streams() -> None:
    """Write each line at once, as the launcher's streams do: other processes of the function write there as well."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            errors = "strict" if stream is sys.stdout else "backslashreplace"
            stream.reconfigure(encoding="utf-8", errors=errors, line_buffering=True)


if __name__ == "__main__":
    configure_streams()
    main()
