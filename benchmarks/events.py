"""Records per second through event source mappings, and the delay from put to handler, beside moto read bare.

The figures of one round: a queue or a stream is filled while nothing reads it, then a mapping is made, and the clock runs until
the function has had the last record. Beside it the same records are read from moto by a client that does nothing with
them, over the same socket: what is lost between the two is the sandbox's own.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.servers import ROLE, boto3_client, sandbox
from lambda_sandbox.packaging import package

ACCOUNT = "us-east-1:000000000000"
# The handler tells when it began, by the machine's clock, and which records it got, sent at a moment that each carries.
HANDLER = """
import base64, json, time

def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        body = record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()
        if body.startswith("{"):
            print("DELAY %.6f" % (now - json.loads(body)["sent"]))
    print("HAD %d" % len(event["Records"]))
"""
