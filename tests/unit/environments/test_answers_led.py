"""Answers for custom resources reach the sandbox whichever way functions send them; what is for another place is left alone."""

from __future__ import annotations

import http.client
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import python_answers, toolchains

NODE = toolchains.find_node()
CLIENT = Path(python_answers.__file__).with_name("node_answers.mjs")
PLACE = (
    "/cloudformation-custom-resource-response-useast1/arn%3Aone%7CThing%7C1?X-Amz-Expires=7200&Signature=ab"
)
# What stands between ``https.request`` and its ``write``: by names, an address parsed before, or the address itself.
WAYS = {
    "as cfn-response does": "https.request({ hostname: parsed.hostname, port: 443, path: parsed.path, method })",
    "as the CDK does": "https.request({ hostname: parsed.hostname, path: parsed.path, method })",
    "a parsed address": "https.request({ ...parsed, method })",
    "the address as a text": "https.request(address, { method })",
    "the address as a URL": "https.request(new URL(address), { method })",
    "a request that was kept": "kept({ hostname: parsed.hostname, path: parsed.path, method })",
    "a request that was imported": "named({ hostname: parsed.hostname, path: parsed.path, method })",
    "an agent of its own": "https.request({ hostname: parsed.hostname, path: parsed.path, method, agent })",
    "no agent": "https.request({ hostname: parsed.hostname, path: parsed.path, method, agent: false })",
}
ELSEWHERE = {
    "another path": "https.request({ hostname: parsed.hostname, path: '/x', method })",
    "another port": "https.request({ hostname: parsed.hostname, port: 9, path: parsed.path })",
    "TLS to the same port": "https.request(address.split('/clo')[0].replace('http', 'https'))",
    "another http address": "https.request('http://127.0.0.1:9/x')",
}
PROGRAM = """
import https, {{ request as named }} from "node:https";
import url from "node:url";
const {{ request: kept }} = https;
const {{ lead }} = await import({client});
const address = {address}, method = "PUT", parsed = url.parse(address), agent = new https.Agent({{ keepAlive: true }});
lead(JSON.stringify({{ Cause: JSON.stringify({{ ResponseURL: address }}) }}));
const say = (error) => console.log(error.code);
try {{
  const request = {way};
  request.on("response", (response) => {{ console.log(response.statusCode); response.resume(); }});
  request.on("error", say);
  request.write("body");
  request.end();
}} catch (error) {{ say(error); }}
"""


class Taker:
    """Takes requests by plain HTTP and keeps the first line and the body of each."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes]] = []
        came = self.came

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.headers["Transfer-Encoding"] == "chunked":
                    self.rfile.readline()  # the length of the one chunk
                came.append((self.path, self.rfile.read(len(b"body"))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}{PLACE}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def taker() -> Iterator[Taker]:
    running = Taker()
    yield running
    running.server.shutdown()
    running.server.server_close()


def said(taker: Taker, way: str) -> str:
    program = PROGRAM.format(client=json.dumps(str(CLIENT)), address=json.dumps(taker.address), way=way)
    command = [NODE[0].executable, "--no-deprecation", "--input-type=module", "--eval", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == ""
    return ended.stdout.strip()


@pytest.mark.skipif(not NODE, reason="Node.js is not installed")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_node_sends_an_answer_whatever_port_and_scheme_it_asks_for(taker: Taker, way: str) -> None:
    assert said(taker, way) == "200"
    assert taker.came == [(PLACE, b"body")]


@pytest.mark.skipif(not NODE, reason="Node.js is not installed")
@pytest.mark.parametrize("way", ELSEWHERE.values(), ids=ELSEWHERE)
def test_node_sends_nothing_else_there(taker: Taker, way: str) -> None:
    assert said(taker, way) != "200"
    assert taker.came == []


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch, taker: Taker) -> Taker:
    # Put back at the end: the test's own process is no function.
    monkeypatch.setattr(http.client.HTTPSConnection, "putrequest", http.client.HTTPSConnection.putrequest)
    monkeypatch.setattr(python_answers, "_port", 0)
    python_answers.lead(json.dumps({"ResponseURL": taker.address}).encode())
    return taker


@pytest.mark.parametrize("named", [False, True], ids=["port 443", "the address's port"])
def test_python_sends_an_answer_whatever_port_it_asks_for(led: Taker, named: bool) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", led.server.server_port if named else None)
    connection.request("PUT", PLACE, b"body")
    assert connection.getresponse().status == 200
    connection.close()
    assert led.came == [(PLACE, b"body")]


def test_python_sends_nothing_else_there(led: Taker) -> None:
    with pytest.raises(OSError, match="SSL"):
        http.client.HTTPSConnection("127.0.0.1", led.server.server_port).request("PUT", "/x", b"body")
    assert led.came == []


def test_python_s_https_is_its_own_until_there_is_an_address() -> None:
    before = http.client.HTTPSConnection.putrequest
    python_answers.lead(b'{"text": "/cloudformation-custom-resource-response- is but a text"}')
    assert http.client.HTTPSConnection.putrequest is before
