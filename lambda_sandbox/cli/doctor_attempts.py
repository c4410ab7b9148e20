"""What ``doctor`` runs inside an execution environment: each attempt tries to break one promise and says how far it got.

It is the code of a function: standard library only. An attempt returns what it broke, in words; an empty text when it could
break nothing.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

_MIB = 1 << 20
_TMPFS_SIZE_MB = 512
_MOUNT = {"x86_64": 165, "aarch64": 40}
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_NEW_USER_NAMESPACE = 0x10000000
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17


def handler(event: dict[str, Any], context: Any) -> Any:
    return globals()["try_" + event["attempt"]](event)


def try_files(event: dict[str, Any]) -> str:
    """Read files of the host: a secret that the doctor wrote, and what every machine has."""
    return _joined(path for path in event["host_files"] if _readable(path))


def try_code(event: dict[str, Any]) -> str:
    """Write where code, layers, runtime and system lie."""
    found = []
    for place in (os.environ["LAMBDA_TASK_ROOT"], "/opt", "/var/runtime", "/usr", "/"):
        try:
            with open(f"{place}/doctor-was-here", "w", encoding="ascii"):
                pass
        except OSError:
            continue
        os.remove(f"{place}/doctor-was-here")
        found.append(place)
    return _joined(found)


def try_other_functions(event: dict[str, Any]) -> str:
    """Look for a file of another tenant's function, on the disk and through other processes."""
    here = os.environ["LAMBDA_TASK_ROOT"]
    places = [os.path.dirname(here), "/var", "/opt", tempfile.gettempdir(), "/.host", "/.kept"]
    places += [f"/proc/{name}/root/var/task" for name in os.listdir("/proc") if name.isdigit()]
    until = time.monotonic() + 2.0
    for place in places:
        for folder, _, files in os.walk(place):
            if event["secret_name"] in files:
                return os.path.join(folder, event["secret_name"])
            if time.monotonic() > until:
                break
    return ""


def try_other_tenants(event: dict[str, Any]) -> str:
    """Ask the sandbox's API for another account's functions, with that account's access key and with none."""
    found = []
    for account in (event["other_account"], ""):
        scope = f"Credential={account}/20260101/us-east-1/lambda/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}"} if account else {}
        body = _ask("GET", "/2015-03-31/functions/", headers)
        if body is not None and event["other_function"] in body:
            found.append(f"listed {event['other_function']} of account {event['other_account']}")
    return _joined(found)


def try_admin_paths(event: dict[str, Any]) -> str:
    """Use the sandbox's own routes."""
    routes = (("GET", "history"), ("GET", "logs"), ("GET", "bill"), ("POST", "reset"))
    return _joined(route for method, route in routes if _ask(method, f"/_sandbox/{route}", {}) is not None)


def try_processes(event: dict[str, Any]) -> str:
    """See or read processes outside: the server's, or any whose variables hold the doctor's mark."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            line = _content(f"/proc/{name}/cmdline")
            if b"lambda_sandbox" in line or event["mark"].encode() in _content(f"/proc/{name}/environ"):
                found.append(f"process {name}")
    return _joined(found[:3])


def try_signals(event: dict[str, Any]) -> str:
    """Signal the server (signal 0: only the permission)."""
    try:
        os.kill(event["server_pid"], 0)
    except OSError:
        return ""
    command = _content(f"/proc/{event['server_pid']}/cmdline")
    return f"process {event['server_pid']}" if b"lambda_sandbox" in command else ""


def try_network(event: dict[str, Any]) -> str:
    """Connect to a listener of the host; look for a route that leads out (no packet is sent)."""
    found = []
    try:
        socket.create_connection(("127.0.0.1", event["host_port"]), 2).close()
        found.append(f"connected to the host's port {event['host_port']}")
    except OSError:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # RFC 5737: nobody's address; connecting a datagram socket sends nothing
            found.append("a route leads out")
        except OSError:
            pass
    return _joined(found)


def try_system_calls(event: dict[str, Any]) -> str:
    """Mount, unmount, enter new namespaces, use the kernel's keys, trace another process."""
    libc = ctypes.CDLL(None, use_errno=True)
    machine = os.uname().machine
    attempts = {
        "mounted a file system": lambda: libc.syscall(_MOUNT[machine], b"none", b"/tmp", b"tmpfs", 0, None),
        "made a user namespace": lambda: libc.unshare(_NEW_USER_NAMESPACE),
        "changed the root folder": lambda: libc.chroot(b"/tmp"),
        "used the kernel's keys": lambda: libc.syscall(_KEYCTL[machine], 0, -3, 1, 0, 0),
        "let itself be traced": lambda: libc.ptrace(0, 0, 0, 0),
    }
    found = []
    attempt: Callable[[], int]
    for name, attempt in attempts.items():
        child = os.fork()
        if child == 0:
            os._exit(0 if attempt() >= 0 else 1)
        if os.waitpid(child, 0)[1] == 0:
            found.append(name)
    return _joined(found)


def try_ptrace(event: dict[str, Any]) -> str:
    """Take hold of the process that started the runtime, or read its memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    found = []
    if libc.ptrace(_PTRACE_ATTACH, parent, 0, 0) == 0:
        os.waitpid(parent, 0)
        libc.ptrace(_PTRACE_DETACH, parent, 0, 0)
        found.append(f"traced process {parent}")
    if _readable(f"/proc/{parent}/mem"):
        found.append(f"opened the memory of process {parent}")
    return _joined(found)


def try_files_twice(event: dict[str, Any]) -> str:
    """Reach the launcher with a signal: the users are the same, so Landlock alone refuses it (from its version 6 on)."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return ""
    return "signalled the launcher"


def try_privileges(event: dict[str, Any]) -> str:
    """Look for a capability, root, or a way to gain either."""
    status = _content("/proc/self/status").decode()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    found = [name for name in ("CapEff", "CapPrm", "CapBnd") if int(lines[name], 16)]
    if os.getuid() == 0:
        found.append("uid 0")
    if int(lines["NoNewPrivs"]) != 1:
        found.append("set-user-id programs work")
    return _joined(found)


def try_variables(event: dict[str, Any]) -> str:
    """Find the doctor's own variables."""
    return _joined(name for name, value in os.environ.items() if event["mark"] in value)


def try_process_count(event: dict[str, Any]) -> str:
    """A fork bomb."""
    children: list[int] = []
    try:
        while len(children) < event["more_than_allowed"]:
            pid = os.fork()
            if pid == 0:
                signal.pause()
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)
    return f"{len(children)} processes" if len(children) > 1024 else ""


def try_open_files(event: dict[str, Any]) -> str:
    """Open files until it is refused."""
    files: list[int] = []
    try:
        while len(files) < 2000:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for fd in files:
        os.close(fd)
    return f"{len(files)} files" if len(files) > 1024 else ""


def try_tmp_size(event: dict[str, Any]) -> str:
    """Fill ``/tmp``."""
    path = os.path.join(tempfile.gettempdir(), "doctor")
    written = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while written < (_TMPFS_SIZE_MB + 32) * _MIB:
                written += file.write(bytes(_MIB))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return f"ended by {error.strerror} after {written // _MIB} MB"
    os.remove(path)
    return f"{written // _MIB} MB" if written != _TMPFS_SIZE_MB * _MIB else ""


def try_tmp_apart(event: dict[str, Any]) -> str:
    """Put more into ``/tmp`` than the function has memory: it must go on."""
    path = os.path.join(tempfile.gettempdir(), "doctor")
    with open(path, "wb") as file:
        for _ in range(event["megabytes"]):
            file.write(bytes(_MIB))
    os.remove(path)
    return ""


def try_memory(event: dict[str, Any]) -> str:
    """Take more memory than there is, in ``processes`` processes; to answer at all is to have broken the promise."""
    each = event["megabytes"] * _MIB // event["processes"]
    reader, writer = os.pipe()
    children = []
    for _ in range(event["processes"] - 1):
        pid = os.fork()
        if pid == 0:
            _fill(each)
            os.write(writer, b".")
            signal.pause()
        children.append(pid)
    _fill(each)
    done = 1
    while done < event["processes"]:
        done += len(os.read(reader, 64))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    return f"had {event['megabytes']} MB"


def try_cpu(event: dict[str, Any]) -> dict[str, float]:
    """Work for a while; return the share of one processor that was had: of some windows the best, as others work too."""
    shares = []
    for _ in range(3):
        start, used = time.perf_counter(), time.process_time()
        while time.perf_counter() - start < 1.2:
            pass
        shares.append((time.process_time() - used) / (time.perf_counter() - start))
    return {"share": max(shares)}


def _fill(size: int) -> None:
    space = mmap.mmap(-1, size)
    for place in range(0, size, mmap.PAGESIZE):
        space[place] = 1
    _kept.append(space)


_kept: list[mmap.mmap] = []


def _ask(method: str, path: str, headers: dict[str, str]) -> str | None:
    """Return the body of a good answer, ``None`` of a refusal."""
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError:
        return None


def _readable(path: str) -> bool:
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _joined(found: Any) -> str:
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit("this file is a function's code: run python -m lambda_sandbox doctor")
