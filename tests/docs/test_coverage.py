"""Every topic that the course owes has pages, tests, labs and questions."""

import pytest

from docs_hooks import runtime_table, topic_table
from docs_hooks.topic_table import Topic
from lambda_sandbox import runtime_identifiers
from tests.docs.conftest import ROOT

TOPICS = topic_table.load(ROOT / "docs" / "topics.yaml")
RUNTIMES = runtime_table.load(ROOT / "docs" / "facts" / "runtimes.yaml")
WRITTEN = {path.parent.name for path in (ROOT / "labs").glob("*/lab.ipynb")}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.key)
def test_a_topic_has_no_hole(topic: Topic) -> None:
    assert topic_table.holes(topic, ROOT) == []


def test_there_are_twenty_topics() -> None:
    assert len({topic.key for topic in TOPICS}) == 20


def test_every_written_lab_belongs_to_a_topic() -> None:
    assert {lab for topic in TOPICS for lab in topic.labs} >= WRITTEN


def test_every_page_of_the_concepts_belongs_to_a_topic() -> None:
    folder = ROOT / "docs" / "concepts"
    pages = {f"concepts/{path.name}" for path in folder.glob("*.md")}
    assert pages <= {page for topic in TOPICS for page in topic.pages}


@pytest.mark.parametrize(
    ("change", "hole"),
    [
        ({"pages": ()}, "a page"),
        ({"pages": ("concepts/nowhere.md",)}, "page concepts/nowhere.md"),
        ({"runs": "tests/nowhere.py"}, "tests tests/nowhere.py"),
        ({"labs": ("99-nowhere",)}, "lab 99-nowhere"),
        ({"labs": ()}, "a lab"),
        ({"questions": 0}, "questions"),
    ],
    ids=["no page", "dead page", "no tests", "dead lab", "no lab", "no question"],
)
def test_a_hole_is_found(change: dict[str, object], hole: str) -> None:
    whole = {
        "key": "faas",
        "title": "",
        "pages": ("concepts/02-faas.md",),
        "runs": "tests/docs",
        "labs": ("01-first-function",),
        "questions": 1,
    }
    assert topic_table.holes(Topic(**whole), ROOT) == []  # type: ignore[arg-type]
    assert topic_table.holes(Topic(**whole | change), ROOT) == [hole]  # type: ignore[arg-type]


def test_every_runtime_that_the_sandbox_starts_is_in_the_table() -> None:
    assert set(runtime_identifiers.NAMES) <= {runtime.name for runtime in RUNTIMES}


def test_the_sandbox_and_the_facts_agree_on_what_is_deprecated() -> None:
    stated = {runtime.name: runtime.status == "deprecated" for runtime in RUNTIMES}
    for runtime in runtime_identifiers.RUNTIMES:
        assert stated[runtime.name] == runtime.deprecated, runtime.name


def test_the_table_tells_of_a_runtime_what_is_true_on_aws_and_here() -> None:
    rows = {line.split("`")[1]: line for line in runtime_table.markdown(RUNTIMES).splitlines()[2:]}
    assert rows["python3.13"] == "| Python | `python3.13` | until 2029-06-30 | runs |"
    assert "over since 2024-01-08" in rows["go1.x"]
    assert rows["go1.x"].endswith("| refused |")
    assert rows["nodejs26.x"].split(" | ")[2].startswith("preview")
