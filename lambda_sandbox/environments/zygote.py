"""A preloaded interpreter that forks environments. It holds no secret, no thread and no event loop.

Started once by the server. ``prepare`` makes the root folder that every environment sees, moves in, and runs the
interpreter again from there, so that every imported module has the path it will have in an environment. Then one request
a packet: ``{"op": "start", ...}`` starts an environment, blank if it says so; ``{"op": "forget", "tmp": key}`` gives a kept
``/tmp`` back; ``{"op": "flavour", "name": ...}`` forks another zygote that has more loaded and answers on the socket that came
along; ``{"op": "house"}`` forks a zygote for another server, which has nothing to do with this one's environments.

Every environment gets mount, pid, network, IPC, host name and cgroup namespaces of its own. Source for each: namespaces(7).
Standard library only. Linux only.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.environments import (
        launcher,
        memory_holes,
        namespaces,
        networks,
        packets,
        runtime_process,
    )
else:
    import launcher
    import memory_holes
    import namespaces
    import networks
    import packets
    import runtime_process

_REHEARSALS = 10  # Python rewrites code that has run some eight times, and so copies its pages
HOST, KEPT = "/.host", "/.kept"
_PRELOADED = (
    "base64", "calendar", "collections.abc", "concurrent.futures", "copy", "csv", "datetime", "decimal", "email.message",
    "email.parser", "encodings.idna", "functools", "gzip", "hashlib", "hmac", "http.client", "http.cookies", "inspect", "io", "json",
    "logging", "logging.config", "platform", "queue", "random", "re", "shutil", "site", "ssl", "subprocess", "tempfile",
    "threading", "traceback", "typing", "urllib.parse", "urllib.request", "uuid", "xml.etree.ElementTree", "zipfile",
)  # fmt: skip


def prepare(layout: dict[str, Any]) -> None:
    """Make the environments' root folder and move in. Raises ``OSError`` where the machine forbids a step."""
    uid, gid = os.getuid(), os.getgid()
    namespaces.die_with_parent(signal.SIGKILL)
    namespaces.unshare(namespaces.NEWNS | namespaces.NEWPID | (namespaces.NEWUSER if uid else 0))
    if uid:
        namespaces.write_identity_map(0, uid, gid)
    child = os.fork()  # the first process of the new pid namespace: its end is the end of every environment
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    namespaces.die_with_parent(signal.SIGKILL)
    namespaces.make_private()
    root = layout["root"]
    namespaces.mount("tmpfs", root, "tmpfs", namespaces.NO_SUID | namespaces.NO_DEV, "size=4m,mode=755")
    _furnish(root, layout)
    namespaces.pivot_root(root, root + HOST)
    os.chdir("/")


def _furnish(root: str, layout: dict[str, Any]) -> None:
    for folder in (
        "usr",
        "dev",
        "etc",
        "opt",
        "proc",
        "tmp",
        "var/task",
        "var/lang",
        "var/runtime",
        HOST[1:],
        KEPT[1:],
    ):
        os.makedirs(f"{root}/{folder}")
    _mount_kept(root + KEPT)
    namespaces.mount(
        "proc", root + "/proc", "proc", namespaces.NO_SUID | namespaces.NO_DEV | namespaces.NO_EXEC
    )
    for target, source in layout["folders"].items():
        os.makedirs(root + target, exist_ok=True)
        namespaces.bind_read_only(source, root + target)
    for target, source in layout["files"].items():
        _bind_file(source, root + target)
    for device in ("null", "zero", "full", "random", "urandom"):
        with open(f"{root}/dev/{device}", "w", encoding="ascii"):
            pass
        namespaces.mount(f"/dev/{device}", f"{root}/dev/{device}", flags=namespaces.BIND)
    for link, target in layout["links"].items():
        os.symlink(target, root + link)
    for name, text in layout["texts"].items():
        with open(root + name, "w", encoding="utf-8") as file:
            file.write(text)


def _bind_file(source: str, target: str) -> None:
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="ascii"):
            pass
    namespaces.bind_read_only(source, target, recursive=False)


def serve(requests: socket.socket) -> None:
    """Fork environments until the server closes its end."""
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    namespaces.mount(
        "none", "/", flags=namespaces.BIND | namespaces.REMOUNT | namespaces.READ_ONLY | namespaces.NO_SUID
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    networks.try_out()
    _preload()
    _answer(requests, home)


def _answer(requests: socket.socket, home: int) -> None:
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every page that it shares

    packets.send(requests, {"event": "ready"})
    while True:
        request, fds = packets.receive(requests)
        if not request:
            return
        if request["op"] == "forget":
            _forget(request["tmp"])
        elif request["op"] == "house":
            _fork_house(fds[0], home, requests)
        elif request["op"] == "flavour":
            _fork_flavour(request["name"], fds[0], home, requests)
        else:
            _start(request, fds, home, requests)


def _fork_flavour(name: str, fd: int, home: int, requests: socket.socket) -> None:
    if not _forked(os.fork):
        os.close(fd)
        return
    try:
        requests.close()
        namespaces.die_with_parent(signal.SIGKILL)
        more, _, python = name.partition("@")
        if python:
            os.set_inheritable(fd, True)
            _become(
                python,
                os.path.join(os.path.dirname(os.path.dirname(python)), "lib"),
                "flavour",
                str(fd),
                more,
            )
        importlib.import_module("boto3")
        _settle()
        _answer(socket.socket(fileno=fd), home)
    finally:
        os._exit(0)  # a flavour that cannot be loaded is simply not there


def _forked(fork: Callable[[], int]) -> bool:
    """Return True in the child. Where there can be none, who asked sees its socket close, and this process goes on."""
    try:
        return fork() == 0
    except OSError:
        return False


def _fork_house(fd: int, home: int, requests: socket.socket) -> None:
    """Fork a zygote with processes, mounts and kept folders of its own. It ends with the server that holds its socket."""
    if not _forked(lambda: _fork_into_pid_namespace(home)):
        os.close(fd)
        return
    answers = socket.socket(fileno=fd)
    try:
        requests.close()
        os.close(home)
        namespaces.die_with_parent(signal.SIGKILL)
        namespaces.unshare(namespaces.NEWNS)
        namespaces.detach("/proc")
        namespaces.mount("proc", "/proc", "proc", namespaces.NO_SUID | namespaces.NO_DEV | namespaces.NO_EXEC)
        _mount_kept(KEPT)
        _answer(answers, os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        packets.send(answers, {"event": "failed", "reason": str(error)})
    finally:
        os._exit(0)


def _mount_kept(target: str) -> None:
    namespaces.mount("tmpfs", target, "tmpfs", namespaces.NO_SUID | namespaces.NO_DEV, "size=1m,mode=700")


def _serve_flavour(requests: socket.socket, more: str) -> None:
    """Be a flavour in an interpreter of its own; the root folder is the one that the first zygote made."""
    namespaces.die_with_parent(signal.SIGKILL)
    _preload()
    if more:
        importlib.import_module("boto3")
        _settle()
    _answer(requests, os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC))


def _preload() -> None:
    for name in (*_PRELOADED, "python_client"):
        importlib.import_module(name)
    importlib.import_module("site").setquit()  # as our client would do each time
    for _ in range(_REHEARSALS):
        runtime_process.rehearse([0, 0, 0])
    os.environ.clear()
    _settle()


def _settle() -> None:
    """Everything is loaded that will be: let children find their memory in as few pages as can be."""
    gc.collect()
    memory_holes.plug()


def _become(python: str, libraries: str, *arguments: str) -> NoReturn:
    command = [python, "-E", "-s", "-S", "-X", "utf8", "/var/runtime/zygote.py", *arguments]
    os.execve(python, command, {"LD_LIBRARY_PATH": libraries})  # noqa: S606


def _start(request: dict[str, Any], fds: list[int], home: int, requests: socket.socket) -> None:
    try:
        _make_tmp(request["tmp"], request["tmp_mb"])
        if _fork_into_pid_namespace(home) == 0:
            requests.close()
            os.close(home)
            _be_environment(request, fds)
    except OSError:
        os.write(fds[1], traceback.format_exc().encode())
    for fd in fds:
        os.close(fd)


def _fork_into_pid_namespace(home: int) -> int:
    namespaces.unshare(namespaces.NEWPID)
    try:
        pid = namespaces.fork()
    except OSError:
        namespaces.join(home, namespaces.NEWPID)
        raise
    if pid:
        namespaces.join(home, namespaces.NEWPID)
    return pid


def _be_environment(request: dict[str, Any], fds: list[int]) -> NoReturn:
    control = socket.socket(fileno=fds[0])
    try:
        namespaces.die_with_parent(signal.SIGKILL)
        launcher.join_cgroups(fds[2:])
        listeners = networks.enter_new()
        _enter(f"{KEPT}/{request['tmp']}")
        if not request["blank"]:
            _furnish_for(request)
    except OSError:
        os.dup2(fds[1], 2)
        traceback.print_exc()
        os._exit(1)
    launcher.run(control, request["spec"], fds[1:2], _furnish_for if request["blank"] else None, listeners)


def _enter(tmp: str) -> None:
    # The new cgroup namespace's root is the group that was just joined.
    namespaces.unshare(namespaces.NEWNS | namespaces.NEWIPC | namespaces.NEWUTS | namespaces.NEWCGROUP)
    socket.sethostname("lambda")
    namespaces.mount(tmp, "/tmp", flags=namespaces.BIND)  # noqa: S108
    namespaces.detach("/proc")
    namespaces.mount("proc", "/proc", "proc", namespaces.NO_SUID | namespaces.NO_DEV | namespaces.NO_EXEC)
    namespaces.detach(KEPT)


def _furnish_for(request: dict[str, Any]) -> None:
    """Mount the function's folders; from then on nothing of the host is in sight."""
    namespaces.bind_read_only(HOST + request["code"], "/var/task")
    if request["layers"]:
        namespaces.bind_read_only(HOST + request["layers"], "/opt")
    for target, source in request["spec"]["mounts"].items():
        namespaces.bind_read_only(HOST + source, target)
    size = f"size={request['tmp_mb']}m"  # a blank one has another by now
    flags = namespaces.REMOUNT | namespaces.NO_SUID | namespaces.NO_DEV
    namespaces.mount("tmpfs", "/tmp", "tmpfs", flags, size)  # noqa: S108
    namespaces.detach(HOST)


def _make_tmp(key: str, size_mb: int) -> None:
    target = f"{KEPT}/{key}"
    if os.path.ismount(target):
        return  # kept by a reset
    os.makedirs(target, exist_ok=True)
    options = f"size={size_mb}m,mode=1777"
    namespaces.mount("tmpfs", target, "tmpfs", namespaces.NO_SUID | namespaces.NO_DEV, options)


def _forget(key: str) -> None:
    with contextlib.suppress(OSError):
        namespaces.detach(f"{KEPT}/{key}")
        os.rmdir(f"{KEPT}/{key}")


def main() -> None:
    """``prepare FD LAYOUT`` runs on the host; ``serve FD`` and ``flavour FD NAME`` inside the root folder that it made."""
    step, fd = sys.argv[1], int(sys.argv[2])
    requests = socket.socket(fileno=fd)
    try:
        if step == "prepare":
            layout = json.loads(sys.argv[3])
            prepare(layout)
            os.set_inheritable(fd, True)
            _become(layout["python"], "/var/lang/lib", "serve", str(fd))
        if step == "flavour":
            _serve_flavour(requests, sys.argv[3])
        serve(requests)
    except OSError as error:
        packets.send(requests, {"event": "failed", "reason": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
