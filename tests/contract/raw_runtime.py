"""Runtimes written against the bare protocol, for what AWS's Python client never does. A module runs one when it is imported."""

from __future__ import annotations

# ``answer(runtime, headers, event)`` is the case's own; everything else is the loop of a custom runtime.
LOOP = """
import base64, http.client, json, os, socket, sys, time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
INVOCATION = "/2018-06-01/runtime/invocation/"


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(API)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


class Stream:
    def __init__(self, request_id, content_type="application/octet-stream", mode="streaming", chunked=True):
        host, port = API.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.chunked = chunked
        self.socket.sendall((
            f"POST {INVOCATION}{request_id}/response HTTP/1.1\\r\\nHost: {API}\\r\\n"
            f"Content-Type: {content_type}\\r\\nLambda-Runtime-Function-Response-Mode: {mode}\\r\\n"
            "Transfer-Encoding: chunked\\r\\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n"
        ).encode())

    def write(self, data):
        for part in (b"%x\\r\\n" % len(data), data, b"\\r\\n"):
            self.socket.sendall(part)

    def end(self, error_type="", error_body=b"", encode=base64.b64encode):
        trailers = ""
        if error_type:
            trailers = (
                f"Lambda-Runtime-Function-Error-Type: {error_type}\\r\\n"
                f"Lambda-Runtime-Function-Error-Body: {encode(error_body).decode()}\\r\\n"
            )
        self.socket.sendall(f"0\\r\\n{trailers}\\r\\n".encode())
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        body = answer.read()
        self.socket.close()
        return answer.status, json.loads(body)

    def drop(self):
        self.socket.close()


def serve(answer):
    while True:
        _, headers, body = call("GET", INVOCATION + "next")
        answer(headers["lambda-runtime-aws-request-id"], headers, json.loads(body))
"""


def module(answer: str) -> str:
    """Return a module whose import is a custom runtime; ``answer`` is the source of ``def answer(request_id, headers, event)``."""
    return f"{LOOP}\n{answer}\n\nserve(answer)\n"
