"""The lean Runtime API client for Python: what runs the handler inside an environment.

Standard library only, and it imports nothing else of the sandbox: it is mounted alone at ``/var/runtime``. One keep-alive
connection carries everything; an answer and the request for the next event leave in one write.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API"; payloads and log lines as those of awslambdaric 4.2.2.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import importlib
import io
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from lambda_sandbox.environments.runtimes import python_answers
    from lambda_sandbox.environments.runtimes.python_context import (
        REQUEST_ID,
        TENANT_ID,
        Headers,
        LambdaContext,
    )
    from lambda_sandbox.environments.runtimes.python_faults import RuntimeFault, error_payload, xray_cause
    from lambda_sandbox.environments.runtimes.python_json import Encoder
    from lambda_sandbox.environments.runtimes.python_logging import (
        configure_logging,
        current_request,
        log_error,
        log_init_error,
    )
    from lambda_sandbox.environments.runtimes.python_trace import TraceVariable
else:  # inside an environment all of these files lie side by side
    import python_answers
    from python_context import REQUEST_ID, TENANT_ID, Headers, LambdaContext
    from python_faults import RuntimeFault, error_payload, xray_cause
    from python_json import Encoder
    from python_logging import configure_logging, current_request, log_error, log_init_error
    from python_trace import TraceVariable

API = "/2018-06-01/runtime"
ACCEPTED = (
    b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"OK"}'
)
NEXT = f"GET {API}/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n".encode()
_OWN_MODULES: tuple[str, ...] = (
    "launcher",
    "packets",
    "runtime_process",
    "namespaces",
    "confinement",
    "networks",
    "zygote",
    "python_client",
    "python_context",
    "python_faults",
)
_OWN_MODULES += ("python_answers", "python_json", "python_logging", "python_trace")

_HIGH = 62  # descriptors from here on are not among the first that a function opens
_PIPE_BYTES = 65_536  # what a pipe takes unless it is told otherwise

Handler = Callable[[Any, Any], Any]
_decoder = json.JSONDecoder()


class Connection:
    """One keep-alive connection to the Runtime API. Ends the process quietly when the sandbox hangs up.

    ``wire`` are the descriptors for reading and for writing of one that is there already; without it, it is made to the address
    that every runtime is given.
    """

    def __init__(self, wire: tuple[int, int] | None = None) -> None:
        self._address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
        self._reader, self._writer = wire or _connect(self._address)
        self._buffer = b""

    def send(self, message: bytes) -> None:
        try:
            self._write(message)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            # The function has closed what it did not know, as daemons do. AWS's client makes another connection, too.
            self._reader, self._writer = _connect(self._address)
            self._write(message)

    def _write(self, message: bytes) -> None:
        if len(message) > _PIPE_BYTES and self._writer != self._reader:
            _widen(self._writer)
        written = os.write(self._writer, message)
        while written < len(message):
            written += os.write(self._writer, memoryview(message)[written:])

    def read(self) -> tuple[Headers, bytes]:
        """Return headers, by name as the sandbox spells it, and body of the next answer."""
        data = self._buffer
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        lines = data[:end].decode("utf-8", "replace").split("\r\n")
        headers: Headers = dict([line.split(": ", 1) for line in lines[1:]])
        return headers, self._body(data, end + 4, int(headers.get("Content-Length", "0")))

    def skip(self) -> None:
        """Read the next answer, whatever it says: mostly that what was posted is accepted, with the next event behind it."""
        data = self._buffer or self._receive()
        if data.startswith(ACCEPTED):
            self._buffer = data[len(ACCEPTED) :]
        else:
            self._buffer = data
            self.read()

    def _body(self, data: bytes, start: int, length: int) -> bytes:
        if len(data) - start < length:
            self._buffer = b""
            return self._read_rest(data[start:], length)
        self._buffer = data[start + length :]
        return data[start : start + length]

    def _read_rest(self, first: bytes, length: int) -> bytes:
        body = bytearray(length)
        body[: len(first)] = first
        view = memoryview(body)[len(first) :]
        while view:
            count = os.readv(self._reader, [view])
            if not count:
                os._exit(0)
            view = view[count:]
        return bytes(body)

    def _receive(self) -> bytes:
        data = os.read(self._reader, 65536)
        if not data:
            os._exit(0)
        return data


def _widen(fd: int) -> None:
    """Let a pipe take a megabyte at once, if its user may have as much."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)


def _out_of_the_way(fd: int) -> int:
    """Give a descriptor a number that the function's own files do not get once it has closed everything again."""
    import fcntl

    number = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(fd)
    return number


def _connect(address: str) -> tuple[int, int]:
    host, _, port = address.rpartition(":")
    # Not create_connection: it asks the resolver for an address that needs none, which takes milliseconds.
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.connect((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fd = _out_of_the_way(connection.detach())
    return fd, fd


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
    for path in first:  # what a forked interpreter found there was not this function's; the rest is as it was
        sys.path_importer_cache.pop(path, None)


def _customise() -> None:
    """Run the ``sitecustomize`` that ``PYTHONPATH`` leads to, as an interpreter does that was started without ``-E`` and ``-S``.

    It is how tracers come in: ``opentelemetry-instrument`` and ``ddtrace-run``, called by a wrapper script, put their folder there.
    """
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", runtime)]
    if not paths:
        return
    import site
    from importlib.machinery import PathFinder

    # Not by the whole path: a distribution's own sitecustomize, beside its standard library, is none of AWS's.
    if PathFinder.find_spec("sitecustomize", paths) is not None:
        sys.path[:0] = paths
        sys.modules.pop("sitecustomize", None)
        site.execsitecustomize()  # prints what it raises and goes on


def _post(path: str, body: bytes, extra: str = "", content_type: str = "application/json") -> bytes:
    head = f"POST {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nContent-Type: {content_type}\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _error_message(path: str, payload: dict[str, Any], cause: str = "") -> bytes:
    error_type = payload["errorType"].encode("ascii", "replace").decode()
    extra = f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
    if cause:
        extra += f"Lambda-Runtime-Function-XRay-Error-Cause: {cause}\r\n"
    return _post(path, Encoder().encode(payload).encode(), extra)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def handle(handler: Handler, headers: Headers, body: bytes, encoder: Encoder) -> bytes:
    """Run one event and return the message that answers it.

    Raises ``UnicodeEncodeError`` for text that is no Unicode, of which AWS's runtime dies as well.
    """
    request_id = headers.get(REQUEST_ID, "")
    try:
        context = LambdaContext(headers)
        result = handler(_event(body), context)
        text = None if isinstance(result, bytes) else _marshal(result, encoder)
    except Exception as error:
        payload = error_payload(error, request_id)
        log_error(payload)
        return _error_message(f"/invocation/{request_id}/error", payload, xray_cause(error))
    if text is None:
        return _post(f"/invocation/{request_id}/response", result, content_type="application/unknown")
    return _post(f"/invocation/{request_id}/response", text.encode())


def _event(body: bytes) -> Any:
    try:
        text = body.decode()
        # Mostly nothing stands around the value: this takes a third of what json.loads does.
        event, end = _decoder.raw_decode(text)
        if end == len(text):
            return event
    except ValueError:
        pass
    try:
        return json.loads(body)
    except ValueError as error:
        raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _marshal(result: Any, encoder: Encoder) -> str:
    try:
        return encoder.encode(result)
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _initialise(connection: Connection) -> Handler:
    try:
        return load_handler(os.environ["_HANDLER"])
    except Exception as error:
        payload = error_payload(error, "")
        log_init_error(payload)
        _flush()
        connection.send(_error_message("/init/error", payload))
        connection.read()
        sys.exit(1)


def report_init_error(error_type: str, message: str) -> None:
    """Fail the init of a runtime that cannot be started: one sentence, in the log and in the answer."""
    print(message)
    _flush()
    connection = Connection()
    connection.send(_error_message("/init/error", error_payload(RuntimeFault(error_type, message), "")))
    connection.read()


def begin_request(request_id: str, tenant_id: str | None = None) -> None:
    """From here on the log's records carry these ids."""
    current_request.request_id = request_id
    current_request.tenant_id = tenant_id


def main(wire: tuple[int, int] | None = None) -> None:
    """Load the handler, then answer events until the sandbox ends the process."""
    for name in _OWN_MODULES:
        sys.modules.pop(name, None)  # a function may have modules of these names
    if not hasattr(builtins, "exit"):
        import site

        site.setquit()  # started without site: handlers may still call exit()
    _customise()
    configure_paths()
    configure_logging()
    connection = Connection(wire)
    handler = _initialise(connection)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        _pass_snapshot(connection)
    encoder, trace = Encoder(), TraceVariable(sys.modules.get("ctypes"))
    _flush()
    connection.send(NEXT)
    while True:
        headers, body = connection.read()
        begin_request(headers.get(REQUEST_ID, ""), headers.get(TENANT_ID))
        trace.set(headers.get("Lambda-Runtime-Trace-Id"))
        if python_answers.MARK in body:
            python_answers.lead(body)
        answer = handle(handler, headers, body, encoder)
        _flush()  # what was printed is in the pipe before the answer leaves
        connection.send(answer + NEXT)
        # A refused answer (413 for one too large) is the sandbox's to report; the environment lives on.
        connection.skip()


def _pass_snapshot(connection: Connection) -> None:
    """Run the hooks that the function registered, before the snapshot in reverse order, and wait to be restored between."""
    hooks = sys.modules.get("snapshot_restore_py")  # a function that has hooks has imported it
    path, type_, code = "/init/error", "Runtime.BeforeSnapshotError", 64
    try:
        for hook, arguments, members in reversed(hooks.get_before_snapshot() if hooks else []):
            hook(*arguments, **members)
        _flush()
        connection.send(NEXT.replace(b"/invocation/next", b"/restore/next"))
        connection.read()
        path, type_, code = "/restore/error", "Runtime.AfterRestoreError", 65
        for hook, arguments, members in hooks.get_after_restore() if hooks else []:
            hook(*arguments, **members)
    except Exception as error:
        payload = error_payload(error, "")
        log_error(payload)
        _flush()
        message = _error_message(path, payload)
        connection.send(
            message.replace(f"-Type: {payload['errorType']}".encode(), f"-Type: {type_}".encode(), 1)
        )
        connection.read()
        sys.exit(code)


def configure_streams() -> None:
    """Write at once, as AWS's runtime does: nothing that was printed is lost when the process is killed."""
    for name, errors in (("stdout", "strict"), ("stderr", "backslashreplace")):
        raw = io.FileIO(getattr(sys, name).fileno(), "w", closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", errors, write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    configure_streams()
    main()
