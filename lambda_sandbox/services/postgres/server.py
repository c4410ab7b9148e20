"""One real PostgreSQL: its files, its process (by way of ``keeper``) and its users, as RDS sets them up."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambda_sandbox.services.postgres import administration, keeper, storage
from lambda_sandbox.services.postgres.administration import SUPERUSER, NotReady, Refused, literal, quoted
from lambda_sandbox.services.postgres.programs import Programs

_START_S = 60.0
_STOP_S = 15.0
_LOOK_S = 0.01
# A keeper that lives no longer would not do so the next time.
_KEEPER_LIVES_S = 1.0
# POLICY: one connection to a database of RDS may take 512 MB of this machine's memory for its work; a query that wants more fails.
_CONNECTION_BYTES = 512 * 1024**2
_CONNECTION_FILES = "1GB"
# Nobody but RDS itself is its superuser, and it comes by the Unix socket only. With a password: where nothing is isolated a
# function has PostgreSQL's own user, and so the socket.
_WHO_MAY = f"""local all {SUPERUSER} password
local all all reject
host all {SUPERUSER} 0.0.0.0/0 reject
host all all 127.0.0.0/8 scram-sha-256
"""
_SETTINGS = "sandbox.conf"
_SECRET = "superuser"  # noqa: S105 - the name of a file
# Who belongs to these runs programs as PostgreSQL's own user, outside of all isolation. Up to version 15 CREATEROLE is enough
# to join every role that is no superuser's; AWS keeps its master user out as well.
_NOBODY_JOINS = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")


class Failed(Exception):
    """PostgreSQL did not start; the text is the last that it said."""


class PostgresServer:
    """``home`` is where its data lives on, ``None`` for data that goes with the server. All methods block."""

    def __init__(self, programs: Programs, address: str, port: int, home: Path | None = None) -> None:
        self.address, self.port = address, port
        self._programs = programs
        self._kept = home is not None
        self._asking = threading.Lock()  # one order and its answer at a time
        self._changing = False  # between an order to start and the first connection
        self._failed = False
        self._said_before = 0  # bytes of its log that belong to an earlier start
        # A Unix socket's path may not be long, so its folder never is the home.
        self._folder = Path(tempfile.mkdtemp(prefix=administration.FOLDER_PREFIX))
        self._data = (home or self._folder) / "data"
        self._give_away(self._folder)
        # Data that goes with the server need not be written down first.
        self._signal = int(signal.SIGINT if self._kept else signal.SIGQUIT)
        self._life = threading.RLock()  # one start, stop or new keeper at a time
        self._wanted = False  # whether it is to run
        self._left = False
        self._keeper = self._new_keeper()

    @property
    def state(self) -> str:
        """Return ``stopped``, ``starting``, ``running``, or ``failed``: it has ended and is not started again."""
        if self._changing:
            return "starting"
        found = self._state_of_process()
        return "failed" if self._failed or found == "failed" else found

    @property
    def running(self) -> bool:
        return self.state == "running"

    def create(self, user: str, password: str, database: str, settings: Mapping[str, str]) -> None:
        """Make the files, start, and make the master user and the first database. Raises ``Failed``."""
        shutil.rmtree(self._data, ignore_errors=True)  # of a creation that was cut short
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._give_away(self._data.parent)
        # Beside the data: whoever starts the server again on data that was kept has to know it.
        secret = self._data.parent / _SECRET
        secret.write_text(secrets.token_urlsafe(32))
        self._give_away(secret)
        try:
            self._initdb(secret)
            (self._data / "pg_hba.conf").write_text(_WHO_MAY)
            with (self._data / "postgresql.conf").open("a") as file:
                file.write(f"include_if_exists '{_SETTINGS}'\n")
            self.start(settings)
            self._make_master(user, password, database)
        except (OSError, NotReady, Refused) as error:
            raise Failed(str(error)[-300:]) from error

    def start(self, settings: Mapping[str, str]) -> None:
        """Start on the files that are there, and return when connections are taken. Raises ``Failed``.

        From then on it is started again should it end by itself.
        """
        with self._life:
            self._changing = True
            try:
                self._need_keeper()
                self.configure(settings)
                self._run()
            finally:
                self._changing = False

    def _run(self) -> None:
        self._failed = False
        try:
            with contextlib.suppress(OSError):
                self._said_before = (self._folder / "log").stat().st_size
            program = self._program("postgres", "-D", str(self._data))
            self._ask({"op": "start", "memory_bytes": _CONNECTION_BYTES, **program})
            self._await_start()
            self._ask({"op": "keep", "file": str(self._data / "postmaster.pid")})
            self._wanted = True
        except BaseException:
            self._failed = True
            raise

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the settings down; those that a running server takes over it takes with ``reload``."""
        own = {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "unix_socket_permissions": "0700",
            "fsync": "on" if self._kept else "off",
            "temp_file_limit": _CONNECTION_FILES,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "cluster_name": "rds",
        }
        lines = [f"{name} = {literal(value)}\n" for name, value in {**settings, **own}.items()]
        place = self._data / _SETTINGS
        place.write_text("".join(lines))
        self._give_away(place)

    def reload(self) -> None:
        """Take over the settings that need no start. Raises ``NotReady``."""
        self.run("SELECT pg_reload_conf()")

    def restart(self, settings: Mapping[str, str]) -> None:
        """Stop as RDS's reboot does, whatever the clients are doing, and start. Raises ``Failed``."""
        with self._life:
            self._changing = True
            self.stop()
            self.start(settings)

    def stop(self) -> None:
        """End the server; its files stay until ``remove``."""
        with self._life:
            self._wanted = False
            self._ask({"op": "stop", "signal": self._signal})

    def remove(self) -> None:
        """End the server and delete every file of it; this object can do nothing more."""
        self.leave()
        shutil.rmtree(self._data, ignore_errors=True)
        (self._data.parent / _SECRET).unlink(missing_ok=True)

    def leave(self) -> None:
        """The sandbox ends: data that is kept stays, all else goes; this object can do nothing more."""
        self._left = True
        with self._life:
            self._leave()

    def is_full(self, allocated_gib: int) -> bool:
        """Whether the files are as large as the instance's storage."""
        return storage.is_full(self._data, allocated_gib)

    def _leave(self) -> None:
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._keeper.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()

    # --- its keeper ------------------------------------------------------------------------------------

    def _new_keeper(self) -> subprocess.Popen[bytes]:
        guard = {"signal": self._signal, "remove": [str(self._folder)]}
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, json.dumps(guard)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={},
        )
        threading.Thread(target=self._outlive, args=(process,), name="keeper", daemon=True).start()
        return process

    def _outlive(self, process: subprocess.Popen[bytes]) -> None:
        """Go on with another keeper once this one has ended: killed, or for want of memory."""
        begun = time.monotonic()
        process.wait()
        with self._life:
            mine = self._keeper is process and not self._left
            if mine and time.monotonic() - begun > _KEEPER_LIVES_S:
                self._go_on()

    def _go_on(self) -> None:
        """Have a keeper again, and the server where it was to run: it ended with the old one."""
        self._changing = self._wanted
        try:
            self._need_keeper()
            if self._wanted:
                self._run()
        except (Failed, OSError) as error:
            print(
                f"the database at {self.address}:{self.port} did not start again: {error}",
                file=sys.stderr,
                flush=True,
            )
        finally:
            self._changing = False

    def _need_keeper(self) -> None:
        if self._keeper.poll() is None:
            return
        ended = self._keeper
        end_server(self._data, self._signal)
        self._keeper = self._new_keeper()
        for pipe in (ended.stdin, ended.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    # --- how -------------------------------------------------------------------------------------------

    def set_password(self, user: str, password: str) -> None:
        self.run(f"ALTER ROLE {quoted(user)} PASSWORD {literal(password)}")

    def run(self, statement: str) -> list[list[str | None]]:
        """Run a statement as the superuser. Raises ``NotReady`` or ``Refused``."""
        return administration.run(self._folder / f".s.PGSQL.{self.port}", statement, self._password())

    def _password(self) -> str:
        """Return the superuser's; empty for data that was kept before it had one, which asks for none."""
        secret = self._data.parent / _SECRET
        return secret.read_text() if secret.exists() else ""

    def _initdb(self, secret: Path) -> None:
        program = self._program(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
            *(() if self._kept else ("--no-sync",)),
        )
        if self._ask({"op": "run", **program}).get("status") != 0:
            raise Failed(self._last_said())

    def _make_master(self, user: str, password: str, database: str) -> None:
        """As RDS: the master user owns the databases and may make users, is no superuser, and cannot become one."""
        master = quoted(user)
        closed = f"{{{','.join(_NOBODY_JOINS)}}}"
        statements = [
            f"UPDATE pg_authid SET rolsuper = true WHERE rolname = ANY ({literal(closed)})",  # noqa: S608
            "CREATE ROLE rds_superuser NOLOGIN",
            "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION",
            f"CREATE ROLE {master} LOGIN CREATEDB CREATEROLE PASSWORD {literal(password)} IN ROLE rds_superuser",
            f"ALTER DATABASE postgres OWNER TO {master}",
        ]
        if database not in ("", "postgres"):
            statements.append(f"CREATE DATABASE {quoted(database)} OWNER {master}")
        for statement in statements:
            self.run(statement)

    def _await_start(self) -> None:
        end = time.monotonic() + _START_S
        while True:
            try:
                self.run("SELECT 1")
            except NotReady as reason:
                if self._state_of_process() != "running" or time.monotonic() > end:
                    self._ask({"op": "stop", "signal": self._signal})
                    raise Failed(self._last_said() or str(reason)) from reason
            else:
                return
            time.sleep(_LOOK_S)

    def _state_of_process(self) -> str:
        # Without its keeper it has ended, and nobody starts it again.
        return str(self._ask({"op": "state"}).get("state", "failed"))

    def _last_said(self) -> str:
        try:
            said = (self._folder / "log").read_bytes()[self._said_before :]
            lines = said.decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return " ".join(line for line in lines if "FATAL" in line)[-300:] or (lines[-1] if lines else "")

    def _program(self, name: str, *arguments: str) -> dict[str, Any]:
        """Return the part of an order that says what runs, and as whom."""
        owner = self._programs.owner
        return {
            "command": [str(self._programs.folder / name), *arguments],
            "environment": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            "uid": owner.uid if owner is not None else None,
            "gid": owner.gid if owner is not None else None,
            "cwd": str(self._folder),
            "log": str(self._folder / "log"),
        }

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Give the keeper an order and return its answer, empty where it has ended."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        try:
            with self._asking:
                self._keeper.stdin.write(json.dumps(order).encode() + b"\n")
                self._keeper.stdin.flush()
                answer = self._keeper.stdout.readline()
        except (OSError, ValueError):  # ValueError: it was told to leave
            return {}
        found: dict[str, Any] = json.loads(answer) if answer else {}
        return found

    def _give_away(self, path: Path) -> None:
        """Make it PostgreSQL's own, and nobody else's."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self._programs.owner is not None:
            os.chown(path, self._programs.owner.uid, self._programs.owner.gid)


def end_server(data: Path, number: int) -> None:
    """Wait for the server of a keeper that is no more, which ends with it on Linux; elsewhere, and if it takes long, end it."""
    file = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(file.read_text().splitlines()[0])
        for each in (number, signal.SIGKILL):
            os.kill(pid, each)
            end = time.monotonic() + _STOP_S
            while file.exists() and _runs(pid) and time.monotonic() < end:
                time.sleep(_LOOK_S)
        file.unlink()


def _runs(pid: int) -> bool:
    """Whether a process that is not ours runs; one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except OSError:  # there is no /proc
        return True


def free_place(port: int | None, default_port: int) -> tuple[str, int] | None:
    """Return an address of this machine and a port for a new server, ``None`` where ``port`` is asked for and taken.

    On Linux every server has a loopback address of its own, so that each can have the default port. Elsewhere there is one.
    """
    if sys.platform == "linux":
        for _ in range(20):
            address = (
                f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
            )
            if is_free(address, port or default_port):
                return address, port or default_port
    if port is not None:
        return ("127.0.0.1", port) if is_free("127.0.0.1", port) else None
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return "127.0.0.1", trial.getsockname()[1]


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
            trial.listen(1)
        except OSError:
            return False
    return True
