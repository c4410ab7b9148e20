"""A Jupyter kernel forked from the preloaded image: no program is started and nothing is imported again."""

from __future__ import annotations

import functools
import json
import os
import queue
import random
import select
import signal
import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable
from typing import Any, NoReturn

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.profiledir import ProfileDir
from jupyter_client.asynchronous.client import AsyncKernelClient
from traitlets.config import Config

_HIGHEST_HANDLE = 4096
_WELCOME_S = 0.5
_CONFIG = Config({"HistoryManager": {"enabled": False}})
_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


class ForkedKernel:
    """What nbclient asks of a kernel's manager: whether it lives."""

    def __init__(self, pid: int, started: int) -> None:
        self.pid = pid
        self._started = started
        self._alive = True

    @classmethod
    def start(cls, folder: str, restrict: Callable[[], None]) -> ForkedKernel:
        """Fork a kernel that calls ``restrict`` first; its connection file and sockets lie in ``folder``."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        connection_file = _write_connection_file(folder)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be_kernel(connection_file, writing, restrict)
        os.close(writing)
        return cls(pid, reading)

    def wait_bound(self, seconds: float) -> bool:
        """Wait until its sockets are there; ``False`` if it ended or took longer."""
        readable, _, _ = select.select([self._started], [], [], seconds)
        return bool(readable) and os.read(self._started, 1) == b"+"

    async def is_alive(self) -> bool:
        self.reap()
        return self._alive

    def reap(self) -> None:
        """Collect the kernel if it has ended, and the orphans that came to this process."""
        try:
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._alive = self._alive and pid != self.pid
        except ChildProcessError:
            self._alive = False


class _Kernel(IPythonKernel):
    """IPython's kernel, which the fork server makes without sockets: most of its making touches what all forks share."""

    @classmethod
    def instance(cls, *_: Any, **given: Any) -> Any:
        """Return the one that there is, with what it is given, or make it."""
        if not cls.initialized():
            return super().instance(**given)
        kernel: Any = super().instance()
        for name, value in given.items():
            if value is not None:
                setattr(kernel, name, value)
        kernel._stdout, kernel._stderr = sys.stdout, sys.stderr
        shell = kernel.shell
        shell.profile_dir, shell.ipython_dir = kernel.profile_dir, kernel.parent.ipython_dir
        for part in (shell.displayhook, shell.display_pub):
            part.session, part.pub_socket = kernel.session, kernel.iopub_socket
        return kernel


class _KernelApp(IPKernelApp):
    """IPython's kernel, without what only a person's own kernel has: arguments, settings of theirs, a heartbeat."""

    def parse_command_line(self, argv: Any = None) -> None:
        pass

    def load_config_file(self, *given: Any, **named: Any) -> None:
        pass

    def init_profile_dir(self) -> None:
        pass  # nor what ``make_ready`` did: this, and the extensions

    def init_config_files(self) -> None:
        pass

    def init_connection_file(self) -> None:
        self.load_connection_info(_read(self.connection_file))

    def write_connection_file(self, **_: Any) -> None:
        pass

    def log_connection_info(self) -> None:
        pass

    def init_heartbeat(self) -> None:
        pass

    def init_extensions(self) -> None:
        pass

    def init_code(self) -> None:
        shell: Any = self.shell
        shell.user_ns_hidden.update(shell.user_ns)


def make_ready() -> None:
    """Make the kernel, and the client of it, that every fork then has. Neither has a socket, a thread or a file before."""
    os.environ["IPYTHONDIR"] = tempfile.gettempdir()  # it wants one that exists; each fork has its own
    app: Any = _KernelApp.instance(kernel_class=_Kernel, quiet=True, config=Config(_CONFIG))
    app.profile_dir = ProfileDir()
    # A configuration of its own: the shell notes something in it that the application would warn of.
    kernel = _Kernel.instance(parent=app, profile_dir=app.profile_dir, config=Config(_CONFIG))
    app.shell = kernel.shell
    IPKernelApp.init_extensions(app)  # type: ignore[no-untyped-call]
    kernel.shell._sys_modules_keys = set(sys.modules)
    del os.environ["IPYTHONDIR"]
    for part in (app, _client()):
        part.session  # noqa: B018 (made when it is first asked for)


@functools.cache
def _client() -> Any:
    return AsyncKernelClient()


def _write_connection_file(folder: str) -> str:
    path = os.path.join(folder, "k.json")
    document = {
        **{name: number for number, name in enumerate(_PORTS, 1)},
        "ip": os.path.join(folder, "k"),  # short: a socket's path has about a hundred characters
        "transport": "ipc",
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }
    with open(path, "w", encoding="ascii") as file:
        json.dump(document, file)
    return path


def _read(path: str) -> Any:
    with open(path, encoding="ascii") as file:
        return json.load(file)


def _be_kernel(connection_file: str, started: int, restrict: Callable[[], None]) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        restrict()
        os.dup2(started, 3)
        os.closerange(4, _HIGHEST_HANDLE)
        random.seed()
        sys.argv = ["ipykernel_launcher", "-f", connection_file]
        app: Any = _KernelApp.instance()
        app.connection_file = connection_file
        app.session.pid = os.getpid()  # it speaks for the process that made it, and for no fork
        app.initialize()
        os.write(3, b"+")
        os.close(3)
        app.start()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


async def connected(folder: str, seconds: float) -> Any:
    """Return a client whose subscription is in force. Raises ``queue.Empty`` when the kernel says nothing in time."""
    client = _client()
    client.session.pid = os.getpid()
    client.load_connection_info(_read(os.path.join(folder, "k.json")))
    client.start_channels(stdin=False, hb=False, control=False)
    client.allow_stdin = False
    # The kernel welcomes a new subscriber; jupyter_client's own wait takes three tenths of a second. Once in a thousand times
    # the kernel does not notice the subscriber, because it was just sending: then it is given something to say.
    for _ in range(int(seconds / _WELCOME_S)):
        try:
            await client.iopub_channel.get_msg(timeout=_WELCOME_S)
        except queue.Empty:
            client.kernel_info()
        else:
            return client
    raise queue.Empty
