"""Run as an ordinary user, with the standard library only: print ``level|promises kept|promises broken``."""

import asyncio
import json
import sys
import textwrap
from pathlib import Path

from lambda_sandbox.config import Config
from lambda_sandbox.environments import isolation as promises
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.process import ProcessEnvironments
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import FunctionConfiguration

SOURCE = """
    import os, signal, socket
    def handler(event, context):
        found = {"uid": os.getuid(), "files": os.path.exists(event["file"])}
        try:
            socket.create_connection(("127.0.0.1", event["port"]), 2).close()
            found["network"] = True
        except OSError:
            found["network"] = False
        try:
            found["opened"] = socket.create_connection((event["name"], 443), 5).recv(9) == b"opened"
        except OSError:
            found["opened"] = False
        try:
            open("/var/task/x", "w")
            found["code"] = True
        except OSError:
            found["code"] = False
        found["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()]) > 4
        return found
"""


class Connection(asyncio.Protocol):
    """Just enough of HTTP for one event: the product's own protocol needs a package that this Python lacks."""

    def __init__(self, host: "Host") -> None:
        self.host, self.data = host, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.data.startswith(b"GET") and self.data.endswith(b"\r\n\r\n"):
            self.data = b""
            head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: "
            body = self.host.event
            self.transport.write(f"{head}{len(body)}\r\n\r\n{body}".encode())
        elif b"}" in self.data and not self.host.answer.done():
            self.host.answer.set_result(self.data.partition(b"\r\n\r\n")[2].partition(b"GET ")[0])


class Host:
    def __init__(self, event: str) -> None:
        self.event = event
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def runtime_api_protocol(self, environment_id: str) -> Connection:
        return Connection(self)

    endpoint_protocol = runtime_api_protocol

    def on_output(self, environment_id: str, data: bytes) -> None:
        print(data.decode(), file=sys.stderr)

    def on_exit(self, environment_id: str, exit_: object) -> None:
        if not self.answer.done():
            self.answer.set_exception(RuntimeError(f"ended: {exit_}"))


def shared_zygote(folder: Path) -> ZygoteProcess | None:
    """Return a zygote that servers have forks of; none where the machine forbids it."""
    place = folder / "mother"
    place.mkdir(mode=0o755)
    try:
        mother = ZygoteProcess(place, native=False)
        mother.wait_ready()
    except SandboxFault:
        return None
    return mother


async def say_opened(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"opened")
    writer.close()


async def main(level: str, folder: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    opened = await asyncio.start_server(say_opened, "127.0.0.1", 0)
    host = Host("")
    mother = shared_zygote(folder) if level == "forked" else None
    config = Config(isolation="auto" if level == "forked" else level, allow_network=("198.51.100.7:443",))

    async def resolve(name: str, number: int) -> list[tuple[str, int]]:
        return [opened.sockets[0].getsockname()]

    network = OpenNetwork(frozenset, resolve)
    environments = ProcessEnvironments(config, asyncio.get_running_loop(), host, mother, network)
    held = promises.NETWORK in environments.isolation.enforced  # else the address would be a real one
    host.event = json.dumps({"port": port, "file": __file__, "name": "198.51.100.7" if held else "127.0.0.1"})
    code = folder / "code"
    code.mkdir()
    (code / "app.py").write_text(textwrap.dedent(SOURCE))
    function = FunctionConfiguration("1", "eu-west-1", "f", "python3.11", "app.handler", "", "", 0, "", "")
    environments.start("one", function, code, ())
    found = json.loads(await asyncio.wait_for(host.answer, 30))
    report = environments.isolation
    await environments.close()
    if mother is not None:
        assert report.level == "namespaces"
        mother.end()
    server.close()
    opened.close()
    attacks = {
        promises.FILES: "files",
        promises.NETWORK: "network",
        promises.CODE: "code",
        promises.PROCESSES_HIDDEN: "processes",
    }
    broken = [promise for promise, name in attacks.items() if promise in report.enforced and found[name]]
    if report.level != "process" and not found["opened"]:
        broken.append("what --allow-network opens is reached")
    print(report.level, ", ".join(report.enforced), ", ".join(broken), sep="|")


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
