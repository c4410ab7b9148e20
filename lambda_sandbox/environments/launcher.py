"""What runs first inside an environment: makes the listeners, sets limits, starts the runtime, reports its end.

It runs as a script (spawned, inside bubblewrap or bare) or is called by the zygote in a forked child. Standard library only.

Talk on the control socket, one JSON object a packet:

    server   -> launcher   the specification; file descriptors: output pipe, then cgroup files to join
    launcher -> server     {"event": "listening", "ports": [..]}; file descriptors: the wire's for writing and for reading, Runtime API and endpoint listeners, UDP socket for traces
    runtime  -> server     {"event": "running"}; the kernel adds the sender's process id
    server   -> launcher   only to one started blank: the rest of the specification, once it is known for whom it is
    launcher -> server     {"event": "exited", "status": wait status}
    server   -> launcher   {"op": "connect", "port": N}: a connection to a listener inside, for telemetry
    launcher -> server     {"event": "connected", "port": N}; file descriptor: the connection, none when it was refused
    server   -> launcher   {"op": "listen", "address": A, "port": N}: a listener for what was opened after the start; also to one started blank
    launcher -> server     {"event": "opened", "address": A, "port": N}; file descriptor: the listener, none when the place is taken

With external extensions, and only then:

    launcher -> server     {"event": "extensions", "names": [..]}; file descriptor: what they print
    extension -> server    {"event": "extension", "name": ..}; the kernel adds the sender's process id
    server   -> launcher   {"op": "run"}: all have registered, now the runtime may begin
    extension -> server    {"event": "extension_refused", "name": .., "reason": ..}: the file cannot be executed
    launcher -> server     {"event": "extension_exited", "name": .., "status": wait status}, {"event": "runtime_exited", "status": wait status}

The end of the control socket on the server's side ends the environment: nothing outlives the server.
"""

from __future__ import annotations

import _socket
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from lambda_sandbox.environments import namespaces, networks, packets, runtime_process
else:
    import namespaces  # all of these files lie side by side inside
    import networks
    import packets
    import runtime_process


def run(
    control: socket.socket,
    spec: dict[str, Any],
    fds: list[int],
    furnish: Callable[[dict[str, Any]], None] | None = None,
    listeners: networks.Listeners = (),
) -> NoReturn:
    """Be the environment's first process until the runtime ends. Never returns.

    With ``furnish`` the environment is blank. What the server says next goes to ``furnish``, which mounts the function's
    folders, and then to the runtime, whose process is there already, confined, if the specification wants it ahead.
    ``listeners`` are those that came with a network made in advance.
    """
    status = 1 << 8
    try:
        _take_output(fds[0])
        namespaces.adopt_orphans()
        own_network = spec["level"] != "process"
        listeners = listeners or networks.listen(own_network)
        ports = [listener.getsockname()[1] for listener in listeners]
        (events, to_runtime), (from_runtime, answers) = os.pipe(), os.pipe()
        given = [to_runtime, from_runtime, *(listener.detach() for listener in listeners)]
        packets.send_fds(control, {"event": "listening", "ports": ports}, given)
        for fd in given:
            os.close(fd)
        for address, port in spec.get("opened", ()):
            _open(control, address, port)
        if furnish is not None and not spec["runtime_ahead"]:
            spec, furnish = _complete(control, furnish), None
        wakeup = _wake_on_child()
        order, waiting = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        held = furnish is not None or _has_extensions(spec)
        pid = namespaces.fork() if own_network else os.fork()
        if pid == 0:
            order.close()
            runtime_process.become_runtime(control, spec, ports, (events, answers), waiting if held else None)
        waiting.close()
        os.close(events)
        os.close(answers)
        if furnish is not None:
            spec = _complete(control, furnish)
        spec["variables"] = runtime_process.with_addresses(spec["variables"], ports)
        extensions = _start_extensions(control, spec, ports) if _has_extensions(spec) else {}
        if held and not extensions:
            packets.send(order, spec)
        runtime_process.restrict(spec, runs_code=False)
        namespaces.open_to_peers(False)
        status = _await_end(control, pid, wakeup, extensions, lambda: packets.send(order, spec))
    except Exception:
        # The text ends up in the function's log, where whoever looks for the reason will see it.
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            packets.send(control, {"event": "exited", "status": status})
        _kill_descendants()
        os._exit(1 if status else 0)


def _complete(control: socket.socket, furnish: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Wait until a blank environment is somebody's and return its specification; end it if the server lets go."""
    # So that what this writes to is this process's own before anybody waits.
    rehearsal = {"spec": {"variables": runtime_process.with_addresses({}, [0, 0, 0])}, "layers": None}
    json.loads(json.dumps(rehearsal))
    rest, _ = packets.receive(control)
    while rest.get("op") == "listen":
        _open(control, rest["address"], rest["port"])
        rest, _ = packets.receive(control)
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
        runtime_process.restrict(spec)
        namespaces.die_with_parent(signal.SIGKILL)
        namespaces.open_to_peers(True)
        runtime_process.confine(spec)
        runtime_process.set_variables(spec, ports)

    started: dict[int, str] = processes.start(control, spec["extensions"], packets.send_fds, prepare)
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


def _wake_on_child() -> int:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    namespaces.on_signal(signal.SIGCHLD, lambda *_: None)
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
                        packets.send(control, {"event": "runtime_exited", "status": status})
                elif ended[0] in extensions:
                    told = {"name": extensions.pop(ended[0]), "status": ended[1]}
                    packets.send(control, {"event": "extension_exited", **told})
    return status


def _obey(control: socket.socket, release: Callable[[], None]) -> bool:
    """Do what the server asks; ``False`` at the end of the control socket."""
    message, _ = packets.receive(control)
    if message.get("op") == "run":
        release()
    elif message.get("op") == "listen":
        _open(control, message["address"], message["port"])
    elif message.get("op") == "connect":
        with socket.socket() as connection:
            connection.settimeout(1)
            refused = connection.connect_ex(("127.0.0.1", message["port"]))
            reached = () if refused else (connection,)
            packets.send(control, {"event": "connected", "port": message["port"]}, reached)
    return bool(message)


def _open(control: socket.socket, address: str, port: int) -> None:
    """Listen where something was opened, and hand the listener over before anybody inside can miss it."""
    opened = {"event": "opened", "address": address, "port": port}
    try:
        listener = networks.listen_at(port, address)
    except OSError:
        packets.send(control, opened)
        return
    packets.send(control, opened, (listener,))
    listener.close()


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
    spec, fds = packets.receive(control)
    if not spec:
        os._exit(0)
    join_cgroups(fds[1:])
    run(control, spec, fds[:1])


if __name__ == "__main__":
    main()
