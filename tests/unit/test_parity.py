from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from lambda_sandbox import parity
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.parity import Evidence, Operation
from tests import parity_data

SHIPPED = Evidence.shipped()
ROWS = {row.name: row for row in parity.operations()}


def row_of(
    coverage: Coverage | None, proofs: list[str], *, model: LambdaModel | None = None, name: str = "GetAlias"
) -> Operation:
    declared = {} if coverage is None else {name: coverage}
    evidence = Evidence(model or SHIPPED.model, declared, {name: proofs}, SHIPPED.known)
    return next(row for row in parity.operations(evidence) if row.name == name)


def changed_model(change: Any) -> LambdaModel:
    service = copy.deepcopy(Loader().load_service_model("lambda", "service-2"))
    change(service)
    return LambdaModel(service)


def test_no_operation_and_no_member_of_the_installed_botocore_is_unknown() -> None:
    unknown = [(row.name, row.note) for row in ROWS.values() if row.status == "unknown"]
    assert not unknown, (
        "decide what the sandbox does with these, then: python -m tests.parity_data --accept-model"
    )


def test_proofs_on_disk_are_the_marks_of_the_tests() -> None:
    assert SHIPPED.proofs == parity_data.proofs(), "run: make parity"


def test_every_mark_names_an_operation_of_the_model() -> None:
    assert set(parity_data.proofs()) <= set(SHIPPED.model.operations)


def test_every_operation_has_a_row_and_every_member_is_in_one() -> None:
    assert set(ROWS) == set(SHIPPED.model.operations)
    for name, row in ROWS.items():
        listed = {member.path.partition(".")[0] for member in row.members}
        assert listed == set(SHIPPED.model.members(SHIPPED.model.operations[name].input))


def test_members_show_what_is_done_with_them() -> None:
    coverage = Coverage(
        works=frozenset({"FunctionName", "Handler", "EventSourceArn"}),
        stored=frozenset({"Architectures"}),
        only={"LoggingConfig.LogFormat": ("Text",)},
        notes={"Handler": "only in English", "Architectures": "all run alike"},
        reasons={"Layers": "there is no room"},
    )
    row = row_of(coverage, ["t"], name="CreateFunction")
    shown = {member.path: (member.status, member.note) for member in row.members}
    assert shown["FunctionName"] == ("works", "")
    assert shown["Handler"] == ("in part", "only in English")
    assert shown["Architectures"] == ("stored only", "all run alike")
    assert shown["Layers"] == ("refused", "there is no room")
    assert shown["LoggingConfig.LogFormat"] == ("in part", "only Text")
    assert shown["LoggingConfig.LogGroup"] == ("refused", "")
    assert row.status == "in part"
    assert "Layers" in row.note


WHOLE = Coverage(works=frozenset({"FunctionName", "Name"}))


@pytest.mark.parametrize(
    ("coverage", "proofs", "status", "note"),
    [
        (WHOLE, ["tests/test_it.py::test_it"], "works", ""),
        (WHOLE, [], "in part", "no test proves it"),
        (Coverage(works=frozenset({"Name"})), ["t"], "in part", "refused: FunctionName"),
        (Coverage(stored=frozenset({"FunctionName", "Name"})), ["t"], "works", ""),
        (None, ["t"], "refused", ""),
    ],
    ids=["proved", "not proved", "a member refused", "members stored", "not declared"],
)
def test_operation_works_when_all_of_it_is_listed_and_a_test_proves_it(
    coverage: Coverage | None, proofs: list[str], status: str, note: str
) -> None:
    row = row_of(coverage, proofs)
    assert (row.status, row.note) == (status, note)


def test_new_member_is_unknown_even_inside_one_that_works() -> None:
    def add(service: Any) -> None:
        service["shapes"]["VpcConfig"]["members"]["Mesh"] = {"shape": "String"}

    name = "CreateFunction"
    works = Coverage(works=frozenset(SHIPPED.model.members("CreateFunctionRequest")))
    assert row_of(works, ["t"], name=name).status == "works"
    row = row_of(works, ["t"], name=name, model=changed_model(add))
    assert [member.path for member in row.members if member.status == "unknown"] == ["VpcConfig.Mesh"]
    assert (row.status, row.note) == ("unknown", "new in this botocore: VpcConfig.Mesh")


def test_new_operation_is_unknown() -> None:
    def add(service: Any) -> None:
        service["operations"]["Teleport"] = {
            "name": "Teleport",
            "http": {"method": "POST", "requestUri": "/2099-01-01/teleport"},
        }

    row = row_of(None, [], name="Teleport", model=changed_model(add))
    assert (row.status, row.note) == ("unknown", "new in this botocore: the operation")


def test_json_has_totals_that_add_up() -> None:
    answer = json.loads(json.dumps(parity.to_json(list(ROWS.values()))))
    for kind, count in (
        ("operations", len(ROWS)),
        ("members", sum(len(row.members) for row in ROWS.values())),
    ):
        counts = answer["totals"][kind]
        assert counts.pop("all") == sum(counts.values()) == count
    assert len(answer["operations"]) == len(ROWS)


def test_markdown_has_a_section_for_each_operation_and_two_columns() -> None:
    text = parity.markdown(list(ROWS.values()))
    lines = text.splitlines()
    assert [line[3:] for line in lines if line.startswith("## ")] == sorted(ROWS)
    assert {line.count(" | ") for line in lines if line.startswith("| ")} == {1}
    assert "| `FunctionName` | works |" in lines


def test_marks_of_functions_classes_and_modules_are_read(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(
        'import pytest\npytestmark = pytest.mark.proves("A")\n'
        'class TestIt:\n    @pytest.mark.proves("B")\n    def test_b(self): pass\n'
        "def test_a(): pass\ndef helper(): pass\n"
    )
    at = "tests/test_some.py::"
    assert parity_data.proofs(tmp_path / "tests") == {
        "A": [f"{at}TestIt::test_b", f"{at}test_a"],
        "B": [f"{at}TestIt::test_b"],
    }
