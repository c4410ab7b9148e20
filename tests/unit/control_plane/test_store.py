from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lambda_sandbox.control_plane.database import SCHEMA_VERSION
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import EventSourceMapping, FunctionConfiguration, QueuedEvent

FUNCTION = FunctionConfiguration(
    account_id="000000000000",
    region="us-east-1",
    function_name="hello",
    runtime="python3.12",
    handler="app.handler",
    role="arn:aws:iam::000000000000:role/r",
    code_sha256="c2hh",
    code_size=1,
    revision_id="1",
    last_modified="2023-11-14T22:13:20.000+0000",
    environment={"A": "1"},
)
MAPPING = EventSourceMapping(
    uuid="00000000-0000-0000-0000-000000000000",
    account_id="000000000000",
    region="us-east-1",
    event_source_arn="arn:aws:sqs:us-east-1:000000000000:jobs",
    function_arn=FUNCTION.arn,
    maximum_concurrency=5,
)


@dataclass
class Event:
    request_id: str
    payload: bytes = b"{}"
    function: FunctionConfiguration = FUNCTION
    arrived_at: float = 1.5
    due_at: float = 0.0
    attempt: int = 1
    throttles: int = 0
    client_context: str = ""
    tenant_id: str = ""
    cognito_identity: str = ""
    trace_header: str = "Root=1"
    invoked_arn: str = ""


def test_everything_stored_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_function(FUNCTION, {"team": "a"})
    store.put_mapping(MAPPING, "arn:mapping", {"team": "b"})
    store.put_event(Event("e1", payload=b"\x00\xff"))
    store.close()
    store = Store(tmp_path)
    assert store.functions("000000000000", "us-east-1") == [FUNCTION]
    assert store.tags(FUNCTION.arn) == {"team": "a"}
    assert store.mappings() == [MAPPING]
    assert store.tags("arn:mapping") == {"team": "b"}
    assert store.events() == [QueuedEvent("e1", FUNCTION.arn, b"\x00\xff", 1.5, trace_header="Root=1")]
    store.close()


def test_versions_of_a_function_are_kept_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    version = replace(FUNCTION, version="1", memory_mb=256)
    store.put_function(FUNCTION)
    store.put_function(version)
    assert store.function("000000000000", "us-east-1", "hello") == FUNCTION
    assert store.function("000000000000", "us-east-1", "hello", "1") == version
    store.delete_function(FUNCTION)
    assert store.functions("000000000000", "us-east-1") == []
    store.close()


def test_events_keep_their_order_and_the_newest_attempt() -> None:
    store = Store()
    store.put_event(Event("b"))
    store.put_event(Event("a"))
    store.put_event(Event("b", due_at=60.0, attempt=2, throttles=3))
    assert [(e.request_id, e.attempt, e.due_at, e.throttles) for e in store.events()] == [
        ("b", 2, 60.0, 3),
        ("a", 1, 0.0, 0),
    ]
    store.forget_event("b")
    assert [event.request_id for event in store.events()] == ["a"]
    store.close()


def test_clear_forgets_everything(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_function(FUNCTION, {"team": "a"})
    store.put_mapping(MAPPING)
    store.put_event(Event("e1"))
    store.clear()
    store.close()
    store = Store(tmp_path)
    assert (store.all_functions(), store.mappings(), store.events(), store.tags(FUNCTION.arn)) == (
        [],
        [],
        [],
        {},
    )
    store.close()


def test_second_sandbox_on_the_same_state_is_told_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(SandboxFault, match=r"Another sandbox uses .* pass another --state folder"):
        Store(tmp_path)
    store.put_function(FUNCTION)
    store.close()


def test_damaged_state_is_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "lambda.sqlite3").write_bytes(b"this is not a database" * 100)
    with pytest.raises(SandboxFault, match="cannot be read"):
        Store(tmp_path)


def test_state_of_a_newer_sandbox_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    database = sqlite3.connect(tmp_path / "lambda.sqlite3")
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(SandboxFault, match="newer sandbox"):
        Store(tmp_path)


_WRITER = """
import sys
from pathlib import Path
from lambda_sandbox.control_plane.store import Store
from tests.unit.control_plane.test_store import FUNCTION, MAPPING, Event
store = Store(Path(sys.argv[1]))
store.put_function(FUNCTION, {"team": "a"})
store.put_mapping(MAPPING)
store.put_event(Event("e1"))
print("written", flush=True)
sys.stdin.read()
"""


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        os.kill(writer.pid, signal.SIGKILL)
    store = Store(tmp_path)
    assert store.all_functions() == [FUNCTION]
    assert store.mappings() == [MAPPING]
    assert store.tags(FUNCTION.arn) == {"team": "a"}
    assert [event.request_id for event in store.events()] == ["e1"]
    store.close()


def test_a_file_that_is_damaged_inside_is_refused_in_one_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(500):
        store.put_function(replace(FUNCTION, function_name=f"f{number}", description="x" * 200))
    store.close()
    file = tmp_path / "lambda.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))  # its head is as it was
    with pytest.raises(SandboxFault, match=r"cannot be read .*: move the file away"):
        Store(tmp_path)


def test_a_document_that_is_not_understood_is_refused_in_one_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_function(FUNCTION)
    store.database.write("UPDATE resources SET document = ?", b'{"function_name": 1}')
    store.close()
    with pytest.raises(SandboxFault, match=r"cannot be read .*: move the file away"):
        Store(tmp_path)
