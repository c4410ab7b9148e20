"""The page of errors knows every error that anything here can answer."""

import re
from pathlib import Path

import pytest
import yaml

from docs_hooks import error_tables
from lambda_sandbox import errors
from tests.docs.conftest import ROOT

TOLD = error_tables.words(ROOT / "docs" / "errors.yaml")
FAULTS = {fault.code: fault for fault in error_tables.api_faults()}
_TYPE = re.compile(r"\"((?:Runtime|Function|Extension|Sandbox)\.[A-Z][A-Za-z]+)\"")


def test_every_api_error_and_no_other_has_words() -> None:
    assert TOLD["api"].keys() == FAULTS.keys()


def test_the_sandbox_answers_with_awss_status() -> None:
    shared = [fault for fault in FAULTS.values() if fault.of_aws and fault.of_sandbox]
    assert len(shared) >= 20
    assert [fault for fault in shared if getattr(errors, fault.code).status != fault.status] == []


def test_facts_and_model_agree_on_codes_and_statuses() -> None:
    rows = yaml.safe_load((ROOT / "docs" / "facts" / "errors.yaml").read_text(encoding="utf-8"))
    (stated,) = (row["value"] for row in rows if row["id"] == "e-api")
    assert stated == {code: FAULTS[code].status for code in stated}


def test_every_type_that_the_sandbox_or_a_fact_names_has_words() -> None:
    sources = (
        path
        for path in (ROOT / "lambda_sandbox").rglob("*")
        if path.suffix in (".py", ".mjs", ".rb", ".java", ".cs")
    )
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    facts = (ROOT / "docs" / "facts" / "errors.yaml").read_text(encoding="utf-8")
    named = set(_TYPE.findall(code)) | set(
        re.findall(r"^  - ((?:Runtime|Function|Extension|Sandbox)\.\w+)$", facts, re.M)
    )
    assert len(named) > 30
    assert named == TOLD["functions"].keys() | TOLD["extensions"].keys()


@pytest.mark.parametrize("kind", ["api", "functions", "extensions"])
def test_words_are_sentences_and_differ(kind: str) -> None:
    said = [text for row in TOLD[kind].values() for text in (row["when"], row["do"])]
    assert all(re.search(r"[.)?]$", text) for text in said)
    whens = [row["when"] for row in TOLD[kind].values()]
    assert len(set(whens)) == len(whens)


def test_a_row_names_the_status_and_what_cannot_happen_here(site: Path) -> None:
    text = (site / "reference" / "errors.html").read_text(encoding="utf-8")
    rows = dict(re.findall(r'id="([a-z0-9]+exception)"(.*?)</tr>', text, re.S))
    assert rows.keys() == {code.lower() for code in FAULTS}
    assert "429" in rows["toomanyrequestsexception"]
    assert "Never here" in rows["enilimitreachedexception"]
    assert "Never here" not in rows["toomanyrequestsexception"]
