"""What runs first inside an environment: makes the two listeners, sets limits, starts the runtime, reports its end.

It runs as a script (spawned, inside bubblewrap or bare) or is called by the zygote in a forked child. Standard library only.

Talk on the control socket, one JSON object a packet:

    server   -> launcher   the specification; file descriptors: output pipe, then cgroup files to join
    launcher -> server     {"event": "listening", "ports": [..]}; file descriptors: Runtime API and endpoint listeners
    runtime  -> server     {"event": "running"}; the kernel adds the sender's process id
    server   -> launcher   only to one started blank: the rest of the specification, once it is known for whom it is
    launcher -> server     {"event": "exited", "status": wait status}
    server   -> launcher   {"op": "connect", "port": N}: a connection to a listener inside, for telemetry
    launcher -> server     {"event": "connected", "port": N}; file descriptor: the connection, none when it was refused

With external extensions, and only then:

    launcher -> server     {"event": "extensions", "names": [..]}; file descriptor: what they print
    extension -> server    {"event": "extension", "name": ..}; the kernel adds the sender's process id
    server   -> launcher   {"op": "run"}: all have registered, now the runtime may begin
    launcher -> server     {"event": "extension_exited", "name": ..}, {"event": "runtime_exited", "status": wait status}

The end of the control socket on the server's side ends the environment: nothing outlives the server.
"""

from __future__ import annotations

import array
import contextlib
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from lambda_sandbox.environments import confinement, namespaces
else:
    import confinement  # all of these files lie side by side inside
    import namespaces

RUNTIME_API_PORT, ENDPOINT_PORT = 9001, 9000
_MAX_PACKET = 1 << 18


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next object and the descriptors that came with it; ``{}`` at the end."""
    data, ancillary, _, _ = control.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(64))
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return (json.loads(data) if data else {}), list(fds)


def send(control: socket.socket, message: dict[str, Any], sockets: tuple[socket.socket, ...] = ()) -> None:
    send_fds(control, message, [sock.fileno() for sock in sockets])


def send_fds(control: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
    rights = array.array("i", fds)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if fds else []
    control.sendmsg([json.dumps(message).encode()], ancillary)


def run(
    control: socket.socket,
    spec: dict[str, Any],
    fds: list[int],
    furnish: Callable[[dict[str, Any]], None] | None = None,
) -> NoReturn:
    """Be the environment's first process until the runtime ends. Never returns.

    With ``furnish`` the environment is blank: its runtime's process is there and confined, and waits. What the server says
    next goes to ``furnish``, which mounts the function's folders, and then to the runtime.
    """
    status = 1 << 8
    try:
        _take_output(fds[0])
        namespaces.adopt_orphans()
        own_network = spec["level"] != "process"
        listeners = (
            _listen(RUNTIME_API_PORT if own_network else 0),
            _listen(ENDPOINT_PORT if own_network else 0),
        )
        ports = [listener.getsockname()[1] for listener in listeners]
        wakeup = _wake_on_child()
        order, waiting = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        held = furnish is not None or _has_extensions(spec)
        pid = namespaces.fork() if own_network else os.fork()
        if pid == 0:
            order.close()
            _become_runtime(control, spec, ports, waiting if held else None)
        waiting.close()
        send(control, {"event": "listening", "ports": ports}, listeners)
        for listener in listeners:
            listener.close()
        if furnish is not None:
            spec = _complete(control, furnish)
        extensions = _start_extensions(control, spec, ports) if _has_extensions(spec) else {}
        if held and not extensions:
            send(order, spec)
        _restrict(spec, runs_code=False)
        namespaces.open_to_peers(False)
        status = _await_end(control, pid, wakeup, extensions, lambda: send(order, spec))
    except Exception:
        # The text ends up in the function's log, where whoever looks for the reason will see it.
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            send(control, {"event": "exited", "status": status})
        _kill_descendants()
        os._exit(1 if status else 0)


def _complete(control: socket.socket, furnish: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Wait until a blank environment is somebody's and return its specification; end it if the server lets go."""
    rest, _ = receive(control)
    if not rest:
        _kill_descendants()
        os._exit(0)
    furnish(rest)
    whole: dict[str, Any] = rest["spec"]
    return whole


def _has_extensions(spec: dict[str, Any]) -> bool:
    return os.path.isdir(spec.get("extensions") or os.devnull)


def _start_extensions(control: socket.socket, spec: dict[str, Any], ports: list[int]) -> dict[int, str]:
    processes = importlib.import_module("extension_processes")

    def prepare() -> None:
        _restrict(spec)
        namespaces.die_with_parent(signal.SIGKILL)
        namespaces.open_to_peers(True)
        _confine(spec)
        _set_variables(spec, ports)

    started: dict[int, str] = processes.start(control, spec["extensions"], send_fds, prepare)
    return started


def join_cgroups(fds: list[int]) -> None:
    for fd in fds:
        os.write(fd, b"0")  # by the process itself: any other way waits milliseconds for the kernel
        os.close(fd)


def _take_output(fd: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(null)
    os.close(fd)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _restrict(spec: dict[str, Any], runs_code: bool = True) -> None:
    """Become the function's user. ``runs_code`` False: the launcher, which starts no program after this."""
    if runs_code:
        _limit(spec["rlimits"])
    confined = spec["level"] != "process"
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


def _confine(spec: dict[str, Any]) -> None:
    """Only the runtime: what it may ask of the kernel. The rules hold for mounts that come later, too."""
    if spec["level"] != "process":
        confinement.hold_files(("/",), ("/tmp",), ("/dev", "/proc"))  # noqa: S108
    confinement.filter_system_calls()


def _wake_on_child() -> int:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _await_end(
    control: socket.socket,
    runtime: int,
    wakeup: int,
    extensions: dict[int, str],
    release: Callable[[], None],
) -> int:
    """Return the runtime's wait status once it has ended, and with it every extension."""
    status: int | None = None
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    while status is None or extensions:
        for fd, _ in poll.poll():
            if fd != control.fileno():
                os.read(fd, 512)
            elif not _obey(control, release):
                return signal.SIGKILL  # the server let go
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == runtime:
                    status = ended[1]
                    if extensions:
                        send(control, {"event": "runtime_exited", "status": status})
                elif ended[0] in extensions:
                    send(control, {"event": "extension_exited", "name": extensions.pop(ended[0])})
    return status


def _obey(control: socket.socket, release: Callable[[], None]) -> bool:
    """Do what the server asks; ``False`` at the end of the control socket."""
    message, _ = receive(control)
    if message.get("op") == "run":
        release()
    elif message.get("op") == "connect":
        with socket.socket() as connection:
            connection.settimeout(1)
            refused = connection.connect_ex(("127.0.0.1", message["port"]))
            reached = () if refused else (connection,)
            send(control, {"event": "connected", "port": message["port"]}, reached)
    return bool(message)


def _become_runtime(
    control: socket.socket, spec: dict[str, Any], ports: list[int], waiting: socket.socket | None
) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _restrict(spec)
        namespaces.die_with_parent(signal.SIGKILL)  # after the change of user, which forgets it
        namespaces.open_to_peers(True)  # becoming another user closed it, and with it /proc/self
        _confine(spec)
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]  # it is the zygote's
        os.setsid()
        send(control, {"event": "running"})
        control.close()
        if waiting is not None:
            rehearse({"PATH": "/usr/bin"}, ports)
            spec, _ = receive(waiting)
            if not spec:
                os._exit(0)
            _limit(spec["rlimits"])
        os.closerange(3, 64)
        _set_variables(spec, ports)
        os.chdir(spec["task"])
        if spec["missing"]:
            code = _refuse("Sandbox.RuntimeNotInstalled", spec["missing"])
        elif spec["commands"]:
            code = _refuse("Runtime.InvalidEntrypoint", _exec_runtime(spec["commands"]))
        else:
            code = _run_lean()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def rehearse(variables: dict[str, str], ports: list[int]) -> None:
    """Do once what a cold start does, so that the memory pages it writes to are this process's own before anybody waits."""
    client = importlib.import_module("python_client")
    _set_variables({"variables": variables}, ports)
    headers = {b"lambda-runtime-aws-request-id": "0"}
    client.handle(lambda event, context: event, headers, b'{"rehearsal": [1, "2"]}', client.Encoder())
    socket.socket().close()
    sys.modules.pop(importlib.import_module("colorsys").__name__)  # small, and in nobody's way


def _set_variables(spec: dict[str, Any], ports: list[int]) -> None:
    os.environ.clear()
    os.environ.update(spec["variables"])
    os.environ["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{ports[0]}"
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{ports[1]}"
    time.tzset()


def _exec_runtime(commands: list[list[str]]) -> str:
    """Become the first command that is there. Returns only on failure, with AWS's text for it."""
    for command in commands:
        try:
            os.execv(command[0], command)  # noqa: S606
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"fork/exec {command[0]}: {(error.strerror or str(error)).lower()}"
    tried = " ".join(command[0] for command in commands)
    return f"Couldn't find valid bootstrap(s): [{tried}]"


def _refuse(error_type: str, message: str) -> int:
    """Fail the init with one sentence, in the log and in the answer."""
    client = importlib.import_module("python_client")
    client.report_init_error(error_type, message)
    return 1


def _run_lean() -> int:
    """Run our client as an interpreter would run a script, and return the exit code."""
    import random

    random.seed()
    code = 0
    try:
        client = importlib.import_module("python_client")
        client.configure_streams()
        client.main()
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


def _kill_descendants() -> None:
    """End what the runtime left behind. With a pid namespace the kernel does it; without, orphans are ours by now."""
    for _ in range(100):
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main() -> NoReturn:
    """Run as a script: the control socket's descriptor is the only argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    spec, fds = receive(control)
    if not spec:
        os._exit(0)
    join_cgroups(fds[1:])
    run(control, spec, fds[:1])


if __name__ == "__main__":
    main()
