"""What the built site promises without a browser: every link leads somewhere, and nothing is fetched from elsewhere."""

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from autograder.discover import read_labs
from docs_hooks import fidelity
from lambda_sandbox.invocation.environment import TRANSITIONS, State
from lambda_sandbox.parity import operations
from tests.site import ROOT


class Page(HTMLParser):
    """The links, the loads and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(values.get("href", ""))
        elif "src" in values:
            self.loads.append(values["src"])


@pytest.fixture(scope="module")
def parsed(site: Path, pages: list[str]) -> dict[str, Page]:
    return {name: Page((site / name).read_text(encoding="utf-8")) for name in pages}


def test_every_link_leads_to_a_page_and_an_anchor_that_exist(site: Path, parsed: dict[str, Page]) -> None:
    dead = []
    for name, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            assert not parts.path.startswith("/"), f"{name}: {link} works only from a server's root"
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
                if parts.path
                else name
            )
            known = parsed[target].anchors if target in parsed else set()
            anchor = unquote(parts.fragment)
            if not (site / target).is_file() or (anchor and target in parsed and anchor not in known):
                dead.append(f"{name}: {link}")
    assert dead == []


def test_no_page_loads_anything_from_elsewhere(parsed: dict[str, Page]) -> None:
    loads = {load for page in parsed.values() for load in page.loads}
    assert loads
    assert [load for load in loads if urlsplit(load).netloc] == []


def test_every_lab_has_a_page_that_shows_its_cells(site: Path, parsed: dict[str, Page]) -> None:
    labs = read_labs(ROOT / "labs")
    assert labs
    for lab in labs:
        text = (site / "labs" / lab.slug / "lab.html").read_text(encoding="utf-8")
        assert "jp-Notebook" in text
        assert lab.page.removesuffix(".md") + ".html" in parsed


def test_parity_page_lists_every_operation(site: Path) -> None:
    text = (site / "reference" / "api-parity.html").read_text(encoding="utf-8")
    assert [each.name for each in operations() if f'id="{each.name.lower()}"' not in text] == []


def test_fidelity_page_lists_every_tagged_remark(site: Path) -> None:
    text = (site / "reference" / "fidelity.html").read_text(encoding="utf-8")
    remarks = fidelity.collect(ROOT)
    assert {remark.tag for remark in remarks} == {"DIFFERS", "POLICY"}
    assert [remark for remark in remarks if f"{remark.path}, line {remark.line}" not in text] == []


def test_state_picture_has_an_arrow_wherever_the_table_leads(site: Path) -> None:
    text = (site / "concepts" / "03-execution-environments.html").read_text(encoding="utf-8")
    picture = text[text.index('class="picture states"') :].split("</svg>")[0]
    assert picture.count("<line ") == len({(old, new) for (old, _), new in TRANSITIONS.items()})
    assert picture.count("<rect ") == len(State)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["LIMIT = 5  # POLICY: few are enough."], "Few are enough."),
        (["# DIFFERS: first line", "# goes on.", "LIMIT = 5"], "First line goes on."),
        (["  // DIFFERS: first line", "  // goes on.", "", "  // Another."], "First line goes on."),
        (["def f():", '    """DIFFERS: here it stays."""'], "Here it stays."),
        (
            ['"""Kept a while.', "", "POLICY: an hour", "or two.", "", "Source: none", '"""'],
            "An hour or two.",
        ),
    ],
    ids=["behind code", "above code", "in another language", "in a docstring", "in a paragraph of its own"],
)
def test_remark_is_collected_whole(lines: list[str], text: str) -> None:
    (remark,) = fidelity.in_lines(lines, "module.py")
    assert remark.text == text


def test_remarks_are_sentences_that_need_no_code_around_them() -> None:
    """Whoever reads the page has not read the module: a remark says what of AWS's it is about, in a paragraph of its own."""
    pointing = re.compile(r"(it|its|they|this|that|these|those|such|then|ours|here it)\b", re.I)
    remarks = fidelity.collect(ROOT)
    assert [each for each in remarks if pointing.match(each.text)] == []
    assert [each for each in remarks if not each.text.endswith((".", "…"))] == []
    assert [each for each in remarks if len(each.text.split()) < 8] == []
    assert [each for each in remarks if "Source:" in each.text] == []


def test_remarks_in_the_runtime_clients_are_collected() -> None:
    suffixes = {Path(each.path).suffix for each in fidelity.collect(ROOT)}
    assert {".py", ".mjs", ".rb", ".java", ".cs"} <= suffixes


def test_every_area_of_the_fidelity_page_has_remarks() -> None:
    shown = fidelity.markdown(fidelity.collect(ROOT))
    assert [name for name, _ in fidelity.AREAS if f"### {name} " not in shown] == []
