"""Statements of the sandbox's own, as PostgreSQL's superuser, by a Unix socket and with a password that nobody else has.

The master user may be somebody's whose work is graded, and a superuser can run programs as PostgreSQL's own user: nothing
that the master user can change (a database's settings, its functions) may have a say in what a statement here means. So
much of PostgreSQL's protocol 3.0 as that takes: no password is asked there, and answers are text.
Source: PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol", read 2026-11.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

FOLDER_PREFIX = "lambda-sandbox-postgres-"  # of the folder with a server's Unix socket
SUPERUSER = "rdsadmin"  # AWS's name for the user that belongs to RDS itself
_DATABASE = "template1"  # the one that is always there, and never the master user's
_ASKS_FOR_PASSWORD = 3
_VERSION = 196_608  # 3.0
_PATIENCE_S = 10.0


class NotReady(Exception):
    """The server does not take connections (any more, or yet); the text is its own."""


class Refused(Exception):
    """The server refused a statement; the text is its own."""


def quoted(name: str) -> str:
    """Return an identifier as it stands in a statement.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string as it stands in a statement.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def is_own_socket(path: object) -> bool:
    """Whether ``path`` is the Unix socket of a server that RDS made here."""
    return isinstance(path, str) and Path(path).parent.name.startswith(FOLDER_PREFIX)


def run(socket_path: Path, statement: str, password: str) -> list[list[str | None]]:
    """Run one statement and return its rows. Raises ``NotReady`` or ``Refused``."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE_S)
        try:
            connection.connect(str(socket_path))
            _greet(connection, password)
            connection.sendall(_message(b"Q", statement.encode() + b"\0"))
            return _rows(connection)
        except OSError as error:
            raise NotReady(str(error)) from error


def _greet(connection: socket.socket, password: str) -> None:
    # What is said here outweighs every ALTER DATABASE … SET.
    fields = f"user\0{SUPERUSER}\0database\0{_DATABASE}\0search_path\0pg_catalog, pg_temp\0\0".encode()
    connection.sendall(struct.pack("!ii", len(fields) + 8, _VERSION) + fields)
    while True:
        kind, body = _receive(connection)
        if kind == b"E":
            raise NotReady(_said(body))
        if kind == b"R" and struct.unpack_from("!i", body)[0] == _ASKS_FOR_PASSWORD:
            connection.sendall(_message(b"p", password.encode() + b"\0"))
        if kind == b"Z":
            return


def _rows(connection: socket.socket) -> list[list[str | None]]:
    rows: list[list[str | None]] = []
    failure = ""
    while True:
        kind, body = _receive(connection)
        if kind == b"D":
            rows.append(_row(body))
        elif kind == b"E":
            failure = _said(body)
        elif kind == b"Z":
            if failure:
                raise Refused(failure)
            return rows


def _row(body: bytes) -> list[str | None]:
    place = 2
    row: list[str | None] = []
    for _ in range(struct.unpack_from("!h", body)[0]):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4
        row.append(None if length < 0 else body[place : place + length].decode())
        place += max(length, 0)
    return row


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _receive(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    return head[:1], _exactly(connection, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionResetError("the server closed the connection")
        data += more
    return data


def _said(body: bytes) -> str:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", "PostgreSQL gave no reason")
