"""What ``--allow-network`` opens to functions: pairs of host and port, and where each is found inside an environment.

Inside, a name has a loopback address of its own in ``/etc/hosts``, and an address is one of the environment's own; on it
listens what the server joins with the real host. So names stay as they are, and with them TLS; and nothing else has a route.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambda_sandbox.errors import SandboxFault

# POLICY: ``--allow-network`` may be given 20 times; each environment gets a listener for every one.
MOST_OPENINGS = 20
FILE, PORT_FILE = "openings.json", "endpoint_port"  # beside ``networks.py``, which reads them inside
LOOPBACK = "127.0.0.1"
ENDPOINT_PORT = 9000
_TAKEN_PORTS = (ENDPOINT_PORT, 9001)  # on 127.0.0.1 inside: kept for the endpoint and the Runtime API
_FIRST_UNPRIVILEGED = 1024
_THE_ENVIRONMENT_ITSELF = ("sandbox", "sandbox.localdomain")
_NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_FORM = "--allow-network takes HOST:PORT, such as db.example.com:5432 or localhost:5432"
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Opening:
    """``host`` is a name or an IPv4 address as given, in small letters; ``address`` is where it is found inside."""

    host: str
    port: int
    address: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_openings(texts: Sequence[str]) -> tuple[Opening, ...]:
    """Return what ``HOST:PORT`` texts open, each place once. Raises ``SandboxFault`` with one sentence for a text that is none."""
    pairs = [_pair(text.strip()) for text in texts]
    given = {host for host, _ in pairs}
    own = (address for address in _loopback_addresses() if address not in given)
    addresses: dict[str, str] = {}
    found: dict[tuple[str, int], Opening] = {}
    for text, (host, port) in zip(texts, pairs, strict=True):
        if host not in addresses:
            addresses[host] = _address(host) or next(own)
        address = addresses[host]
        if address == LOOPBACK and port in _TAKEN_PORTS:
            raise SandboxFault(
                f"--allow-network {text} is not possible: inside an environment {LOOPBACK}:{port} is the sandbox's own."
            )
        found.setdefault((address, port), Opening(host, port, address))
    if len(found) > MOST_OPENINGS:
        raise SandboxFault(
            f"--allow-network opens at most {MOST_OPENINGS} pairs of host and port, not {len(found)}."
        )
    return tuple(found.values())


def opens(texts: Sequence[str], host: str, port: int) -> bool:
    """Whether ``host`` at ``port`` is among what the texts open, by the same spelling. Raises as ``read_openings``."""
    return (host.lower().rstrip("."), port) in {(each.host, each.port) for each in read_openings(texts)}


def refuse_own_port(texts: Sequence[str], port: int) -> None:
    """Raise ``SandboxFault`` where loopback is to be opened at the ``port`` that the server listens on.

    Other spellings are found out when a function connects, since only then a name has an address.
    """
    for opening in read_openings(texts):
        if opening.port == port and opening.address == LOOPBACK:
            raise SandboxFault(
                f"--allow-network {opening} is the sandbox itself: functions reach it at AWS_ENDPOINT_URL."
            )


def hosts_lines(openings: Sequence[Opening]) -> str:
    """Return what ``/etc/hosts`` says of them inside."""
    names = {each.host: each.address for each in openings if each.host not in (each.address, "localhost")}
    return "".join(f"{address} {name}\n" for name, address in names.items())


def write(openings: Sequence[Opening], folder: Path) -> None:
    """Tell ``networks.py`` in ``folder`` where to listen; nothing is written where nothing is opened."""
    if openings:
        (folder / FILE).write_text(json.dumps([[each.address, each.port] for each in openings]))


def write_endpoint_port(port: int, folder: Path) -> None:
    """Have ``networks.py`` in ``folder`` show the sandbox at the ``port`` that it has outside.

    Then an address that holds it, such as a presigned URL or a queue's, is good on both sides. Where ``port`` is the Runtime API's
    or takes a right to bind, it is ``ENDPOINT_PORT`` inside.
    """
    if port >= _FIRST_UNPRIVILEGED and port not in _TAKEN_PORTS:
        (folder / PORT_FILE).write_text(str(port))


def _pair(text: str) -> tuple[str, int]:
    """Raises ``SandboxFault`` for what is no pair of a host and a port."""
    reason = _whole_text_problem(text)
    host, _, number = text.rpartition(":")
    host = host.lower().rstrip(".")
    if not reason and not (number.isascii() and number.isdigit() and 0 < int(number) <= _HIGHEST_PORT):
        reason = f"a port is a number from 1 to {_HIGHEST_PORT}"
    reason = reason or _host_problem(host)
    if reason:
        raise SandboxFault(f"{_FORM}, not {text!r}: {reason}.")
    return host, int(number)


def _whole_text_problem(text: str) -> str:
    if "://" in text:
        return "leave out the scheme"
    if "/" in text:
        return "leave out the path; and a range of addresses cannot be opened"
    if "*" in text:
        return "a wildcard opens nothing, each host is named"
    if text.count(":") > 1 or "[" in text:
        return "environments have IPv4 only inside, so name the host; its own address may be IPv6"
    return "" if ":" in text else "the port is missing"


def _host_problem(host: str) -> str:
    if not _NAME.fullmatch(host):
        return "the host is neither a name (in ASCII) nor an IPv4 address" if host else "the host is missing"
    if host in _THE_ENVIRONMENT_ITSELF:
        return f"inside, {host} is the environment itself"
    number = _ipv4(host)
    if number is None:
        return "write the address with four numbers" if _numeric(host) else ""
    if number.is_multicast or number.is_reserved or number.packed[0] == 0:
        return "no single host has that address"
    return ""


def _numeric(host: str) -> bool:
    """Whether C libraries take it for an address: they know forms such as ``127.1`` and ``0x7f000001``."""
    try:
        socket.inet_aton(host)
    except OSError:
        return host.rpartition(".")[2].isdigit()
    return True


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def _address(host: str) -> str:
    """Return where ``host`` is found inside, ``""`` for a name that is to have a loopback address of its own."""
    if host == "localhost" or host.endswith(".localhost"):  # programs know these without asking /etc/hosts
        return LOOPBACK
    return host if _ipv4(host) is not None else ""


def _loopback_addresses() -> Iterator[str]:
    return (f"127.0.0.{number}" for number in range(2, 255))
