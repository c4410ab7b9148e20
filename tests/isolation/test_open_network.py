"""Functions reach what ``--allow-network`` opens, from every runtime, and nothing else of any network."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambda_sandbox.environments import isolation as promises
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.errors import SandboxFault
from tests.isolation.stage import Stage, stage
from tests.isolation.test_promises import code_folder  # noqa: F401 - a fixture

AUTHORITIES = os.path.isdir("/etc/ssl/certs")  # where this machine keeps their certificates
AVAILABLE = {runtime.name: runtime for runtime in registry.available()}
CALLS = """
    import socket
    def handler(event, context):
        outcomes = []
        for host, port in event:
            try:
                with socket.create_connection((host, port), 5) as connection:
                    connection.sendall(b"ping")
                    connection.shutdown(socket.SHUT_WR)
                    outcomes.append(connection.recv(100).decode())
            except OSError as error:
                outcomes.append(type(error).__name__)
        return outcomes
"""


@pytest.fixture(params=["auto", "forked", "bwrap"])
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """Stand for the machine's resolver: every opened name is a port of this machine, the number in its first part."""
    first, _, rest = host.partition(".")
    return [("127.0.0.1", int(first.removeprefix("at")) if rest == "test" else PORTS.get(host, port))]


PORTS: dict[str, int] = {}  # by address: where what stands for it listens


@contextlib.asynccontextmanager
async def answering(name: str) -> AsyncIterator[int]:
    """Give the port of a server that answers ``NAME:`` and what it was sent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(f"{name}:".encode() + await reader.read())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def play(
    folder: Path,
    level: str,
    scene: Callable[[Callable[..., contextlib.AbstractAsyncContextManager[Stage]]], Awaitable[None]],
) -> None:
    """Run ``scene``, which gets what makes a stage that opens the places given. Left out where the machine has no walls."""

    @contextlib.asynccontextmanager
    async def opening(*places: str) -> AsyncIterator[Stage]:
        async with stage(folder, level, "lean", places, OpenNetwork(frozenset, resolve)) as on_stage:
            if promises.NETWORK not in on_stage.environments.isolation.enforced:
                pytest.skip("this machine gives environments no network of their own")
            yield on_stage

    async def run() -> None:
        await scene(opening)

    try:
        asyncio.run(run())
    except SandboxFault as fault:
        assert level in ("bwrap", "forked")
        pytest.skip(f"not possible on this machine: {fault}")


def test_what_is_opened_is_reached_and_nothing_beside_it(code_folder: Path, level: str) -> None:  # noqa: F811
    async def scene(opening: Any) -> None:
        async with (
            answering("open") as port,
            answering("other") as other,
            opening(f"localhost:{port}", f"at{port}.test:5432") as on_stage,
        ):
            environment_id = on_stage.start(CALLS)
            reached = [["localhost", port], ["127.0.0.1", port], [f"at{port}.test", 5432]]
            assert await on_stage.invoke(environment_id, reached) == ["open:ping"] * 3
            closed = [["localhost", other], [f"at{port}.test", other], [f"at{port}.test", port]]
            assert await on_stage.invoke(environment_id, closed) == ["ConnectionRefusedError"] * 3
            nowhere = [[f"at{other}.test", 5432], ["192.0.2.1", 5432]]
            assert await on_stage.invoke(environment_id, nowhere) == ["gaierror", "OSError"]
            assert await on_stage.invoke(environment_id, reached) == ["open:ping"] * 3

    play(code_folder, level, scene)


def test_an_address_and_a_port_below_1024_can_be_opened(code_folder: Path, level: str) -> None:  # noqa: F811
    async def scene(opening: Any) -> None:
        async with answering("open") as port:
            PORTS["198.51.100.7"] = PORTS["127.0.0.1"] = port
            places = ("198.51.100.7:443", "198.51.100.7:5432", "localhost:80", f"at{port}.test:9000")
            async with opening(*places) as on_stage:
                environment_id = on_stage.start(CALLS)
                calls = [["198.51.100.7", 443], ["198.51.100.7", 5432], [f"at{port}.test", 9000]]
                assert await on_stage.invoke(environment_id, calls) == ["open:ping"] * 3
                others = [["198.51.100.7", 80], ["198.51.100.8", 443]]
                assert await on_stage.invoke(environment_id, others) == ["ConnectionRefusedError", "OSError"]

    play(code_folder, level, scene)


def test_as_many_as_can_be_opened_are_listened_on_and_no_descriptor_is_left(
    code_folder: Path,  # noqa: F811
    level: str,
) -> None:
    source = """
        import os
        def handler(event, context):
            rows = [line.split() for path in ("tcp", "tcp6") for line in open("/proc/net/" + path).readlines()[1:]]
            listening = sorted(int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A")
            return [listening, list(map(int, os.listdir("/proc/self/fd")))]
    """

    async def scene(opening: Any) -> None:
        async with opening() as on_stage:
            ports, _ = await on_stage.run(source)
            assert ports == [9000, 9001]
        async with opening(*(f"at{number}.test:{7000 + number}" for number in range(20))) as on_stage:
            for _ in range(3):
                ports, descriptors = await on_stage.run(source)
                assert ports == [*range(7000, 7020), 9000, 9001]
                # Three standard ones, what our client has, and the folder itself.
                assert set(descriptors) <= {0, 1, 2, 3, 4, 62, 63}

    play(code_folder, level, scene)


def test_where_nothing_is_opened_an_environment_is_as_ever(code_folder: Path, level: str) -> None:  # noqa: F811
    source = """
        import os
        def handler(event, context):
            return [open("/etc/hosts").read(), os.path.exists("/etc/ssl"), os.path.exists("/var/runtime/openings.json")]
    """
    here = "127.0.0.1 localhost sandbox sandbox.localdomain\n"

    async def scene(opening: Any) -> None:
        async with opening() as on_stage:
            assert await on_stage.run(source) == [here, False, False]
        async with opening("at1.test:443") as on_stage:
            hosts, authorities, told = await on_stage.run(source)
            assert hosts == f"{here}127.0.0.2 at1.test\n"
            assert authorities == AUTHORITIES
            assert told

    play(code_folder, level, scene)


def test_a_function_cannot_open_more_for_itself(code_folder: Path, level: str) -> None:  # noqa: F811
    source = """
        import fcntl, socket, struct
        def handler(event, context):
            status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
            place = struct.pack("=16sHH4s16x", b"lo:9", socket.AF_INET, 0, socket.inet_aton("192.0.2.9"))
            with socket.socket() as sock:
                try:
                    fcntl.ioctl(sock, 0x8916, place)
                    outcome = "has the address"
                except PermissionError:
                    outcome = "refused"
            return [outcome, int(status["CapEff"], 16), int(status["CapPrm"], 16), int(status["CapAmb"], 16)]
    """

    async def scene(opening: Any) -> None:
        async with opening("192.0.2.7:443", "at1.test:80") as on_stage:
            assert await on_stage.run(source) == ["refused", 0, 0, 0]

    play(code_folder, level, scene)


def test_environments_that_waited_blank_have_it_too(code_folder: Path) -> None:  # noqa: F811
    async def scene(opening: Any) -> None:
        async with answering("open") as port, opening(f"at{port}.test:443") as on_stage:
            while not on_stage.environments.prepared():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            for source in (CALLS, "import boto3\n" + CALLS.replace("\n    ", "\n")):
                assert await on_stage.run(source, [[f"at{port}.test", 443]]) == ["open:ping"]

    play(code_folder, "auto", scene)


def test_the_end_of_an_environment_ends_its_connections(code_folder: Path, level: str) -> None:  # noqa: F811
    source = """
        import socket
        def handler(event, context):
            global connection
            connection = socket.create_connection(("localhost", event))
            connection.sendall(b"x")
            return "connected"
    """
    ended: asyncio.Queue[str] = asyncio.Queue()
    begun = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        begun.set()
        try:
            ended.put_nowait(f"read {len(await reader.read())} bytes")
        except ConnectionError as error:
            ended.put_nowait(type(error).__name__)
        writer.close()

    async def scene(opening: Any) -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with opening(f"localhost:{port}") as on_stage:
            environment_id = on_stage.start(source)
            assert await on_stage.invoke(environment_id, port) == "connected"
            await begun.wait()
            assert ended.empty()
            on_stage.environments.stop(environment_id)
            assert await asyncio.wait_for(ended.get(), 20) == "ConnectionResetError"
        server.close()

    play(code_folder, level, scene)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a key and a certificate for ``name``, signed by itself; return their places."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    places = folder / "key.pem", folder / "certificate.pem"
    places[0].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    places[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return places


def test_tls_goes_through_untouched_with_the_hosts_own_name(code_folder: Path, level: str) -> None:  # noqa: F811
    source = """
        import ssl, urllib.request
        def handler(event, context):
            trusting = ssl.create_default_context(cafile="/var/task/authority.pem")
            with urllib.request.urlopen(f"https://{event}:443/here", timeout=5, context=trusting) as answer:
                return answer.read().decode()
    """
    names: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = head.split(b"\r\n")[0] + b"|" + b"".join(x for x in head.split(b"\r\n") if x[:5] == b"Host:")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async def scene(opening: Any) -> None:
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.sni_callback = lambda connection, name, context: names.append(str(name))
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
        host = f"at{server.sockets[0].getsockname()[1]}.test"
        key, public = certificate(code_folder, host)
        served.load_cert_chain(public, key)
        async with opening(f"{host}:443") as on_stage:
            code = {"app.py": source, "authority.pem": public.read_text()}
            assert await on_stage.run(code, host) == f"GET /here HTTP/1.1|Host: {host}:443"
        assert names == [host]
        server.close()

    play(code_folder, level, scene)


NODE = """
import net from "node:net";
export const handler = (event) => new Promise((resolve) => {
  const heard = [];
  const connection = net.connect(event[1], event[0], () => connection.end("ping"));
  connection.on("data", (data) => heard.push(data));
  connection.on("end", () => resolve(Buffer.concat(heard).toString()));
  connection.on("error", (error) => resolve(error.code));
});
"""
RUBY = """
require "socket"
def handler(event:, context:)
  connection = TCPSocket.new(event[0], event[1])
  connection.write("ping")
  connection.close_write
  connection.read
rescue SystemCallError, SocketError => error
  error.class.name
end
"""
JAVA = """
import java.net.Socket;
import java.util.List;
public class App {
  public String handler(List<Object> event) throws Exception {
    try (Socket socket = new Socket((String) event.get(0), ((Number) event.get(1)).intValue())) {
      socket.getOutputStream().write("ping".getBytes());
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes());
    } catch (java.io.IOException error) {
      return error.getClass().getName();
    }
  }
}
"""
GO = """
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

func call(host string, port int) string {
	connection, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return "error"
	}
	connection.Write([]byte("ping"))
	connection.(*net.TCPConn).CloseWrite()
	heard, _ := io.ReadAll(connection)
	return string(heard)
}

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			return
		}
		var event []any
		json.NewDecoder(next.Body).Decode(&event)
		answer, _ := json.Marshal(call(event[0].(string), int(event[1].(float64))))
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		http.Post(base+id+"/response", "application/json", bytes.NewReader(answer))
	}
}
"""


def compiled(folder: Path, language: str, source: str) -> dict[str, bytes]:
    """Return the files of a package; skips where the compiler is missing."""
    program = {"java": "javac", "go": "go"}[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (folder / "source").mkdir()
    file = folder / "source" / {"java": "App.java", "go": "main.go"}[language]
    file.write_text(source)
    target = folder / "built"
    target.mkdir()
    command = {
        "java": ["javac", "--release", "17", "-d", str(target), str(file)],
        "go": ["go", "build", "-o", str(target / "bootstrap"), str(file)],
    }[language]
    settings = os.environ | {"CGO_ENABLED": "0", "GOPROXY": "off", "GO111MODULE": "off"}
    subprocess.run(command, check=True, capture_output=True, env=settings)
    return {path.name: path.read_bytes() for path in target.iterdir()}


@pytest.mark.timeout(300)  # Go compiles its library when it has not for long
@pytest.mark.parametrize(
    ("runtime", "handler", "source"),
    [
        ("nodejs22.x", "index.handler", NODE),
        ("ruby3.3", "app.handler", RUBY),
        ("java17", "App::handler", JAVA),
        ("provided.al2023", "bootstrap", GO),
    ],
    ids=["node", "ruby", "java", "go"],
)
def test_every_runtime_finds_the_host_by_its_name(
    code_folder: Path,  # noqa: F811
    runtime: str,
    handler: str,
    source: str,
) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)
    files: dict[str, bytes] = (
        {"index.mjs": source.encode()} if "node" in runtime else {"app.rb": source.encode()}
    )
    if source in (JAVA, GO):
        files = compiled(code_folder, "java" if source is JAVA else "go", source)
    package = code_folder / "package"
    package.mkdir(mode=0o755)
    for name, content in files.items():
        (package / name).write_bytes(content)
        (package / name).chmod(0o755)

    async def scene(opening: Any) -> None:
        async with answering("open") as port, opening(f"at{port}.test:443") as on_stage:
            settings = {"runtime": runtime, "handler": handler, "memory_mb": 512, "timeout_s": 30}
            environment_id = on_stage.start(package, **settings)
            assert await on_stage.invoke(environment_id, [f"at{port}.test", 443]) == "open:ping"
            assert "open" not in await on_stage.invoke(environment_id, [f"at{port}.test", port])

    play(code_folder, "auto", scene)


def test_without_walls_the_report_says_that_nothing_is_held(code_folder: Path) -> None:  # noqa: F811
    async def scene() -> None:
        async with stage(code_folder, "none", "lean", ("localhost:5432",)) as on_stage:
            report = on_stage.environments.isolation
            assert promises.NETWORK in report.missing
            assert report.opened == ("localhost:5432",)
            assert (
                report.network == "everything that this machine reaches; --allow-network does not narrow it"
            )
            async with answering("any") as port:
                assert await on_stage.run(CALLS, [["localhost", port]]) == ["any:ping"]

    asyncio.run(scene())


def test_the_report_names_what_is_opened_and_for_whom(code_folder: Path, level: str) -> None:  # noqa: F811
    async def scene(opening: Any) -> None:
        async with opening() as on_stage:
            assert on_stage.environments.isolation.network == "the sandbox"
        async with opening("db.test:5432", "localhost:6379") as on_stage:
            report = on_stage.environments.isolation
            assert report.opened == ("db.test:5432", "localhost:6379")
            assert report.network.endswith(
                "from every function of every account, db.test:5432, localhost:6379"
            )

    play(code_folder, level, scene)
