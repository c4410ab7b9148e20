"""ES modules of Node.js find the packages of layers, as ``require`` does."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import ROLE, Server
from tests.contract.handlers.running import AVAILABLE, zipped

NODE = AVAILABLE["nodejs22.x"]
pytestmark = pytest.mark.skipif(not NODE.available, reason=NODE.detail)
EXPORTS = {
    "name": "@own/two",
    "exports": {".": {"import": "./x.mjs", "require": "./x.cjs"}, "./sub": "./s.mjs"},
}
LAYER: dict[str, str | bytes] = {
    "nodejs/node_modules/one/index.js": "module.exports = 'one';",
    "nodejs/node_modules/@own/two/package.json": json.dumps(EXPORTS),
    "nodejs/node_modules/@own/two/x.mjs": "import one from 'one'; export default 'import with ' + one;",
    "nodejs/node_modules/@own/two/x.cjs": "module.exports = 'require';",
    "nodejs/node_modules/@own/two/s.mjs": "export default 'sub';",
    "nodejs/node22/node_modules/three/index.js": "module.exports = 'three of 22';",
    "nodejs/node_modules/three/index.js": "module.exports = 'three';",
    "nodejs/node_modules/near/index.js": "module.exports = 'of the layer';",
}
NEAR = {"node_modules/near/index.js": "module.exports = 'of the package';"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    content = {"ZipFile": zipped(LAYER)}
    running.client("lambda").publish_layer_version(LayerName="packages", Content=content)
    yield running
    running.stop()


def run(server: Server, name: str, file: str, source: str) -> tuple[str, Any]:
    """Return the ``FunctionError`` and the answer of a function that has the layer."""
    client = server.client("lambda")
    layer = client.list_layer_versions(LayerName="packages")["LayerVersions"][0]["LayerVersionArn"]
    client.create_function(
        FunctionName=name,
        Runtime="nodejs22.x",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": zipped({file: source, **NEAR})},
        Layers=[layer],
        MemorySize=1769,
        Timeout=5,
    )
    answer = client.invoke(FunctionName=name, Payload=b"{}")
    return answer.get("FunctionError", ""), json.load(answer["Payload"])


def test_import_finds_a_package_of_a_layer_by_its_exports(server: Server) -> None:
    source = """
        import one from 'one';
        import two from '@own/two';
        import sub from '@own/two/sub';
        import three from 'three';
        import near from 'near';
        export const handler = async () => [one, two, sub, three, near];"""
    found = ["one", "import with one", "sub", "three of 22", "of the package"]
    assert run(server, "imports", "index.mjs", source) == ("", found)


def test_import_within_a_commonjs_handler_finds_a_package_of_a_layer(server: Server) -> None:
    source = """exports.handler = async () => [(await import('@own/two')).default, require('@own/two')];"""
    assert run(server, "dynamic", "index.js", source) == ("", ["import with one", "require"])


def test_a_package_that_no_layer_has_is_missed_by_its_name(server: Server) -> None:
    error, answer = run(
        server, "missing", "index.mjs", "import 'other'; export const handler = async () => 1;"
    )
    message = "Cannot find package 'other' imported from /var/task/index.mjs"
    assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", "Error", message)
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function=missing") as logs:
        lines = [event["message"] for event in json.load(logs)["events"]]
    assert any("\tundefined\tERROR\tUncaught Exception \t{" in line for line in lines), lines


def test_a_part_that_the_package_does_not_export_is_refused(server: Server) -> None:
    error, answer = run(
        server, "hidden", "index.mjs", "import '@own/two/x.cjs'; export const handler = async () => 1;"
    )
    assert error == "Unhandled"
    assert answer["errorMessage"].startswith("Package subpath './x.cjs' is not defined by \"exports\"")


def test_an_empty_event_loop_still_ends_the_invocation(server: Server) -> None:
    source = "import one from 'one'; export const handler = () => new Promise(() => {});"
    assert run(server, "idle", "index.mjs", source) == ("", None)
