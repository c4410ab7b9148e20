"""Runs CloudFront functions with Node.js: one process a call, nothing of the host within the code's reach.

DIFFERS: CloudFront Functions run on Node.js here, without modules, files, timers and network. CloudFront's own JavaScript is
ECMAScript 5.1 with parts of later ones, and gives a function less than a millisecond: newer syntax and slow code that pass here
may fail there. Try your function with ``TestFunction`` on AWS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from typing import Any

from lambda_sandbox.front_doors.cloudfront_function import CODE_BYTES
from lambda_sandbox.front_doors.edge_headers import BadResult

_WAIT_S = 5.0
# The code gets a context without one object of ours: a constructor of the host's would be a way out. Promises are settled
# before runInContext returns, so that the answer can be read as plain text.
_PROGRAM = """
const vm = require("node:vm");
const { code, event } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const context = vm.createContext(Object.create(null), {
  codeGeneration: { strings: false, wasm: false }, microtaskMode: "afterEvaluate",
});
const run = (text) => vm.runInContext(text, context, { timeout: 500, filename: "function.js" });
try {
  run("globalThis.console = { log() {}, error() {}, warn() {} }; globalThis.__answer = '';");
  run(code);
  run(`(async () => {
    try { const made = await handler(JSON.parse(${JSON.stringify(event)}));
      globalThis.__answer = JSON.stringify({ made: made === undefined ? null : made }); }
    catch (error) { globalThis.__answer = JSON.stringify({ error: String(error) }); }
  })();`);
  process.stdout.write(run("String(globalThis.__answer)") || '{"error":"the function did not end"}');
} catch (error) {
  process.stdout.write(JSON.stringify({ error: String(error && error.message) }));
}
"""


class NoJavaScript(Exception):
    """There is no Node.js on this machine."""


class FunctionFailed(Exception):
    """The function threw, or did not end in time."""


async def run(code: bytes, event: dict[str, Any]) -> Any:
    """Return what ``handler(event)`` returns. Raises ``NoJavaScript``, ``BadResult`` or ``FunctionFailed``."""
    node = shutil.which("node")
    if node is None:
        raise NoJavaScript(
            "CloudFront Functions are JavaScript, and this machine has no Node.js: install node 20 or newer."
        )
    if len(code) > CODE_BYTES:
        raise BadResult(f"the function has {len(code)} bytes of code, and CloudFront takes {CODE_BYTES}")
    process = await asyncio.create_subprocess_exec(
        node, "--disallow-code-generation-from-strings", "--max-old-space-size=64", "-e", _PROGRAM,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.defpath}, cwd="/",
    )  # fmt: skip
    text = json.dumps({"code": code.decode("utf-8", "replace"), "event": json.dumps(event)}).encode()
    try:
        output, _ = await asyncio.wait_for(process.communicate(text), _WAIT_S)
    except TimeoutError:
        raise FunctionFailed("the function did not end in time") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _made(output)


def _made(output: bytes) -> Any:
    try:
        answer = json.loads(output)
    except ValueError:
        raise FunctionFailed("Node.js ended without an answer") from None
    if "error" in answer:
        raise FunctionFailed(answer["error"])
    return answer["made"]
