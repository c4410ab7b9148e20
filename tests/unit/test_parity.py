from __future__ import annotations

import json

from lambda_sandbox import parity
from lambda_sandbox.gateway.model import LambdaModel


def test_every_operation_of_the_model_has_a_row() -> None:
    whole = {row.operation: row.status for row in parity.parity_rows() if not row.member}
    assert set(whole) == set(LambdaModel.load().operations)
    assert whole["ListTags"] == "works"
    assert whole["CreateFunction"] == "in part"
    assert whole["CreateAlias"] == "refused"


def test_members_show_what_is_done_with_them() -> None:
    rows = {(row.operation, row.member): (row.status, row.note) for row in parity.parity_rows()}
    assert rows["CreateFunction", "MemorySize"] == ("works", "")
    assert rows["CreateFunction", "Architectures"] == ("stored only", "")
    assert rows["CreateFunction", "Layers"] == ("refused", "")
    assert rows["CreateFunction", "LoggingConfig.LogFormat"] == ("in part", "only Text")
    assert rows["CreateEventSourceMapping", "EventSourceArn"] == ("in part", "only SQS queues")
    assert rows["Invoke", "Payload"] == ("works", "")


def test_three_forms_hold_the_same_rows() -> None:
    rows = parity.parity_rows()
    assert len(json.loads(parity.render("json"))) == len(rows)
    assert len(parity.render("table").splitlines()) == len(rows) + 1
    markdown = parity.render("markdown").splitlines()
    assert len(markdown) == len(rows) + 2
    assert "| `CreateFunction` | `Architectures` | stored only |  |" in markdown
