"""The runtime's process inside an environment: it takes its limits and its user, is confined, and runs the function's code.

Part of the launcher and of the zygote: lies beside them inside the environment. Standard library only.
"""

from __future__ import annotations

import _random
import _socket
import contextlib
import importlib
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from lambda_sandbox.environments import confinement, namespaces, packets
else:
    import confinement  # all of these files lie side by side inside
    import namespaces
    import packets


# AWS: its address, which is on no network of ours.
_DAEMON = "169.254.79.129:2000"
_WAITING = 3  # the descriptor on which a program that was started ahead is told for whom it is
# Those by which our own client hears from the Runtime API and speaks to it: numbers that a function's own files do not get
# where it has closed all that it did not know.
_WIRE = 62, 63
_DESCRIPTORS = 64  # more than are open before


def restrict(spec: dict[str, Any], runs_code: bool = True) -> None:
    """Become the function's user. ``runs_code`` False: the launcher, which starts no program after this."""
    if runs_code:
        _limit(spec["rlimits"])
    confined = spec["level"] != "process" or "held_files" in spec
    if spec["mapped_user"] is not None:
        outside = os.getuid(), os.getgid()  # unknown ones, once in the new namespace
        namespaces.unshare(namespaces.NEWUSER)
        namespaces.write_identity_map(spec["mapped_user"], *outside)
    if confined and runs_code:
        namespaces.bound_capabilities()
    user = spec["user"]
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if confined:
        namespaces.drop_capabilities()
    namespaces.no_new_privileges()
    os.umask(0o022)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def confine(spec: dict[str, Any]) -> None:
    """Only the runtime: what it may ask of the kernel. The rules hold for mounts that come later, too."""
    if spec["level"] != "process":
        confinement.hold_files(("/",), ("/tmp",), ("/dev", "/proc"))  # noqa: S108
    elif "held_files" in spec:
        held = spec["held_files"]
        confinement.hold_files(tuple(held["readable"]), tuple(held["changeable"]), ("/dev",))
    confinement.filter_system_calls()


def become_runtime(
    control: socket.socket,
    spec: dict[str, Any],
    ports: list[int],
    wire: tuple[int, int],
    waiting: _socket.socket | None,
) -> NoReturn:
    """Be confined, and then the runtime. With ``waiting`` the rest of the specification comes from there first.

    ``wire`` are the descriptors by which our own client hears from the Runtime API and speaks to it.
    """
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        namespaces.on_signal(signal.SIGCHLD)
        restrict(spec)
        namespaces.die_with_parent(signal.SIGKILL)  # after the change of user, which forgets it
        namespaces.open_to_peers(True)  # becoming another user closed it, and with it /proc/self
        confine(spec)
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]  # it is the zygote's
        os.setsid()
        packets.send(control, {"event": "running"})
        control.close()
        if waiting is not None and spec.get("runtime_ahead") and spec["commands"]:
            _exec_ahead(spec, ports, waiting)
            os._exit(1)
        if waiting is not None:
            rehearse(ports)
            spec, _ = packets.receive(waiting)
            if not spec:
                os._exit(0)
            _limit(spec["rlimits"])
        _keep_only(wire)
        set_variables(spec, ports)
        os.chdir(spec["task"])
        if spec["missing"]:
            code = _refuse("Sandbox.RuntimeNotInstalled", spec["missing"])
        elif spec["commands"]:
            message = _exec_runtime(spec["commands"])
            _advise([command[0] for command in spec["commands"]])
            code = _refuse("Runtime.InvalidEntrypoint", message)
        else:
            code = _run_lean()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _keep_only(wire: tuple[int, int]) -> None:
    """Give the wire its numbers and close everything else but the standard ones."""
    for fd, number in zip(wire, _WIRE, strict=True):
        os.dup2(fd, number, inheritable=False)
    os.closerange(3, _WIRE[0])


def rehearse(ports: list[int]) -> None:
    """Do once what a cold start does, so that the memory pages it writes to are this process's own before anybody waits."""
    # A function's time zone is mostly this one, and is then read only here.
    variables = {"PATH": "/usr/bin", "TZ": ":UTC"}
    client = importlib.import_module("python_client")
    set_variables({"variables": variables}, ports)
    headers = {"Lambda-Runtime-Aws-Request-Id": "0"}
    client.handle(lambda event, context: event, headers, b'{"rehearsal": [1, "2"]}', client.Encoder())
    _socket.socket().close()
    sys.modules.pop(importlib.import_module("colorsys").__name__)  # small, and in nobody's way


def set_variables(spec: dict[str, Any], ports: list[int]) -> None:
    """Have the function's variables and no others, with the addresses."""
    os.environ.clear()
    os.environ.update(with_addresses(spec["variables"], ports))
    time.tzset()


def with_addresses(variables: dict[str, str], ports: list[int]) -> dict[str, str]:
    """Return the variables with where the Runtime API, the endpoint and X-Ray's daemon are in here."""
    runtime_api, endpoint, daemon = (f"127.0.0.1:{port}" for port in ports[:3])
    values = {**variables, "AWS_LAMBDA_RUNTIME_API": runtime_api, "AWS_ENDPOINT_URL": f"http://{endpoint}"}
    if values.get("AWS_XRAY_DAEMON_ADDRESS") == _DAEMON:  # a function may have set its own
        values["AWS_XRAY_DAEMON_ADDRESS"] = daemon
    return values


def _exec_ahead(spec: dict[str, Any], ports: list[int], waiting: _socket.socket) -> None:
    """Become a program that waits for its specification by itself. Returns only on failure."""
    os.dup2(waiting.fileno(), _WAITING)
    os.set_inheritable(_WAITING, True)  # also where it had that number before
    os.closerange(_WAITING + 1, _DESCRIPTORS)
    set_variables(spec, ports)
    os.environ["LAMBDA_SANDBOX_WAITS"] = str(_WAITING)
    _exec_runtime(spec["commands"])


def _exec_runtime(commands: list[list[str]]) -> str:
    """Become the first command that is there. Returns only on failure, with AWS's text for it."""
    for command in commands:
        try:
            os.execv(command[0], command)  # noqa: S606
        except FileNotFoundError as error:
            if os.path.lexists(command[0]):  # it is there; the interpreter that its first line names is not
                return _not_executed(command[0], error)
        except OSError as error:
            return _not_executed(command[0], error)
    tried = " ".join(command[0] for command in commands)
    return f"Couldn't find valid bootstrap(s): [{tried}]"


def _not_executed(program: str, error: OSError) -> str:
    return f"fork/exec {program}: {(error.strerror or str(error)).lower()}"


def _advise(programs: list[str]) -> None:
    """Say in the log, which is the function's, what to do; the answer keeps AWS's words."""
    text: str = importlib.import_module("entry_advice").advice(programs)
    if text:
        print(f"SANDBOX Hint: {text}", flush=True)


def _refuse(error_type: str, message: str) -> int:
    """Fail the init with one sentence, in the log and in the answer."""
    client = importlib.import_module("python_client")
    client.report_init_error(error_type, message)
    return 1


def _run_lean() -> int:
    """Run our client as an interpreter would run a script, and return the exit code."""
    import random

    # ``random.seed`` without what it looks at first, which writes to twenty pages of memory that a fork shares.
    _random.Random.seed(random.seed.__self__)  # type: ignore[attr-defined]
    code = 0
    try:
        client = importlib.import_module("python_client")
        client.configure_streams()
        client.main(_WIRE)
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException as error:
        traceback.print_exc()
        code = 1
        if isinstance(error, KeyboardInterrupt):  # as an interpreter ends: by the signal itself
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    return code


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1
