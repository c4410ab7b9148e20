"""Layers below /opt, in real environments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

SOURCE = """
import greeting

def handler(event, context):
    with open("/opt/data/note.txt") as file:
        note = file.read()
    return {"greeting": greeting.TEXT, "note": note}
"""
# Where the machine isolates nothing, there is no /opt of the function's own; the code finds its layers by sys.path there.
BARE_SOURCE = (
    SOURCE.replace('"/opt/data/note.txt"', 'greeting.__file__ + "/../../data/note.txt"')
    .replace("open(", "open(__import__('os').path.normpath(")
    .replace('note.txt")', 'note.txt"))')
)


def publish(server: Server, name: str, files: dict[str, str | bytes]) -> str:
    answer = server.client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": package(files)}
    )
    arn: str = answer["LayerVersionArn"]
    return arn


def invoke(server: Server, name: str) -> Any:
    answer = server.client("lambda").invoke(FunctionName=name)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def layers(server: Server) -> list[str]:
    base = publish(server, "base", {"python/greeting.py": "TEXT = 'hello'", "data/note.txt": "base"})
    over = publish(server, "over", {"python/greeting.py": "TEXT = 'good day'"})
    return [base, over]


def test_a_function_imports_from_its_layers_and_the_later_one_covers_the_earlier(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    server = start_server("--state", state)
    base, over = layers(server)
    server.deploy("one", {"app.py": SOURCE}, Layers=[base])
    server.deploy("both", {"app.py": SOURCE}, Layers=[base, over])
    server.deploy("reversed", {"app.py": SOURCE}, Layers=[over, base])
    assert invoke(server, "one") == {"greeting": "hello", "note": "base"}
    assert invoke(server, "both") == {"greeting": "good day", "note": "base"}
    assert invoke(server, "reversed") == {"greeting": "hello", "note": "base"}

    for name in ("base", "over"):
        server.client("lambda").delete_layer_version(LayerName=name, VersionNumber=1)
    server.client("lambda").update_function_configuration(FunctionName="both", Timeout=9)
    assert invoke(server, "both") == {"greeting": "good day", "note": "base"}
    server.stop()
    again = start_server("--state", state)
    assert invoke(again, "both") == {"greeting": "good day", "note": "base"}


def test_without_isolation_a_function_imports_from_its_layers_too(
    start_server: Callable[..., Server],
) -> None:
    server = start_server("--isolation", "none")
    server.deploy("both", {"app.py": BARE_SOURCE}, Layers=layers(server))
    assert invoke(server, "both") == {"greeting": "good day", "note": "base"}


def test_a_function_finds_in_opt_what_was_published_and_nothing_else(
    start_server: Callable[..., Server],
) -> None:
    server = start_server()
    lists = "import os\n\ndef handler(event, context):\n    return sorted(os.listdir('/opt'))\n"
    layer = publish(server, "seen", {"about.py": "", "python/berry.py": ""})
    server.deploy("lists", {"app.py": lists}, Layers=[layer])
    assert invoke(server, "lists") == ["about.py", "python"]
