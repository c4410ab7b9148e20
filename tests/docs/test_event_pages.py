"""Every event that the sandbox knows is on the page that the table of all sources leads to, with all of its fields."""

from __future__ import annotations

import re

import pytest

from docs_hooks import event_parts
from lambda_sandbox import event_shapes
from tests.docs.conftest import ROOT

EVENTS = ROOT / "docs" / "events"
_SHOWN = re.compile(r"^<!-- generated: event-shape(?:-folded)?((?: [\w-]+)+) -->$", re.M)


@pytest.mark.parametrize("name", event_shapes.names())
def test_an_event_is_shown_on_its_page(name: str) -> None:
    page = event_parts.PAGES.get(name, event_parts.REST)
    text = (EVENTS / page).read_text(encoding="utf-8")
    if page.startswith("../"):  # the edge has its own chapter
        assert "viewer" in text
    else:
        assert name in {each for names in _SHOWN.findall(text) for each in names.split()}


@pytest.mark.parametrize("name", event_shapes.names())
def test_every_field_that_means_something_has_a_row(name: str) -> None:
    about = event_shapes.load(name)
    rows = event_parts.shape(about)
    for field in about.fields():
        if field.meaning:
            row = re.search(rf"^ *\| `{re.escape(field.path)}` <br> <small>(.+?)</small> \| \S", rows, re.M)
            assert row, field.path
            assert field.type in row[1].split(" or "), field.path


def test_the_table_has_a_row_for_every_event_and_only_pages_that_exist() -> None:
    table = event_parts.sources()
    assert table.count("\n") == len(event_shapes.names()) + 1
    for page in re.findall(r"\]\(([^)]+\.md)\)", table):
        assert (EVENTS / page).is_file(), page


def test_a_price_that_nobody_confirmed_is_named_without_a_figure() -> None:
    confirmed, not_confirmed = event_parts.prices_beside(["sqs.standard", "s3.put"]).splitlines()
    assert "$0.40 a million requests" in confirmed
    assert "$" not in not_confirmed
    assert "none was confirmed" in not_confirmed
