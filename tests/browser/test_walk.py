"""A fresh reader's walk in a real browser: home, quick start, lab 01 in JupyterLab, its page, and a mock exam."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from docs_hooks import exams, lab_list
from tests.browser.chromium import Watch, needs_chromium, watched
from tests.site import ROOT

pytestmark = needs_chromium

LAB = "01-first-function"
SLOW_MS = 180_000  # JupyterLab, a kernel and the grader, on a machine that is busy with other tests
SLOW_S = 400  # the walk through the lab as a whole
_TELLINGS, _BEGINS_MS = 3, 30_000
BANK = {question.id: question for question in exams.bank()}


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    """A person who was never here; when the walk is over, no page has complained or asked anybody else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    watch = watched(page)
    yield page
    context.close()
    assert watch == Watch()


def title(page: Page) -> Locator:
    return page.locator("article h1")


def test_home_leads_by_its_links_over_the_quick_start_to_the_lab_and_the_first_page(
    reader: Page, address: str
) -> None:
    reader.goto(address + "index.html")
    expect(title(reader)).to_contain_text("AWS Lambda, learned by running it")
    expect(reader.locator("article svg.picture").first).to_be_visible()

    reader.locator("article").get_by_role("link", name="Quick start").click()
    expect(title(reader)).to_contain_text("Quick start")
    expect(reader.locator("article pre").first).to_have_text(re.compile(r"^\s*make course\s*$"))
    expect(reader.locator("article")).to_contain_text(re.compile(rf"{LAB}\b.*lab\.ipynb"))

    reader.locator("article").get_by_role("link", name="lab 01").click()
    expect(title(reader)).to_contain_text("Your first function: a price quote")
    expect(reader.get_by_text("def handler(event, context):").first).to_be_visible()

    reader.go_back()
    reader.locator("article").get_by_role("link", name="Serverless computing").click()
    expect(title(reader)).to_contain_text("1 · Serverless computing")


def test_the_next_links_lead_through_the_whole_course_to_the_mock_exam(reader: Page, address: str) -> None:
    """Whoever follows the last *Next* of each page sees every teaching page once, and ends at the exam."""
    reader.goto(address + "quick-start.html")
    seen = ["quick-start.html"]
    while not reader.url.endswith("certification/mock-exam.html"):
        following = reader.locator("article p", has=reader.locator("strong", has_text="Next:"))
        assert following.count(), f"no Next on {seen[-1]}"
        reader.goto(reader.url.rpartition("/")[0] + "/" + _first_link_after_next(following.last))
        here = reader.url.removeprefix(address)
        assert here not in seen, f"{seen[-1]} leads back to {here}"
        seen.append(here)
    parts = [Path(name).parent.name for name in seen]
    ordered = list(dict.fromkeys(parts))
    assert ordered == ["", "concepts", "events", "layers", "pricing", "labs", "certification"]
    for part in ("concepts", "events", "layers", "pricing"):
        taught = {path.stem for path in (ROOT / "docs" / part).glob("*.md")}
        assert {Path(name).stem for name in seen if Path(name).parent.name == part} == taught


def _first_link_after_next(paragraph: Locator) -> str:
    href: str = paragraph.evaluate(
        """(paragraph) => {
          const next = [...paragraph.querySelectorAll("strong")].find((each) => each.textContent === "Next:");
          return [...paragraph.querySelectorAll("a")].find(
            (link) => next.compareDocumentPosition(link) & Node.DOCUMENT_POSITION_FOLLOWING
          ).getAttribute("href");
        }"""
    )
    return href


def test_the_list_of_labs_says_of_each_how_long_and_after_what(reader: Page, address: str) -> None:
    reader.goto(address + "labs/index.html")
    for lab in lab_list.load(ROOT):
        row = reader.locator("article table tr", has=reader.locator(f"a[href^='{lab['slug']}/']"))
        expect(row, lab["slug"]).to_have_count(1)
        expect(row).to_contain_text(f"{lab['minutes']} min")
    reader.locator(f"article table a[href^='{LAB}/']").click()
    expect(title(reader)).to_contain_text("Your first function")


# --- lab 01, as the quick start says ---


@pytest.fixture
def course(site: Path, tmp_path: Path) -> Iterator[list[str]]:
    """The three addresses that ``make course`` prints: sandbox, site and JupyterLab with the learner's own labs."""
    labs = tmp_path / "labs"
    shutil.copytree(ROOT / "labs" / LAB, labs / LAB)
    shutil.copy(ROOT / "labs" / "labs.toml", labs)
    places = [f"--state={tmp_path / 'state'}", f"--site={site}", f"--labs={labs}"]
    ports = ["--sandbox-port=0", "--site-port=0", "--jupyter-port=0"]
    command = [sys.executable, "-m", "course", *places, *ports]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    while "Ctrl-C stops all three" not in said:
        line = process.stdout.readline()
        assert line, f"the launcher ended: {said}"
        said += line
    try:
        yield re.findall(r"http://127\.0\.0\.1:\S+", said)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.timeout(SLOW_S)
@pytest.mark.skipif(sys.platform == "win32", reason="the launcher is for Linux and macOS")
def test_lab_01_tells_in_jupyterlab_what_is_missing_and_then_that_all_is_right(
    browser: Browser, course: list[str], tmp_path: Path
) -> None:
    _, _, jupyter = course
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    watch = watched(page)  # JupyterLab's own console is its own affair; where it asks is ours
    page.goto(jupyter)
    page.get_by_role("listitem", name=re.compile(LAB)).dblclick(timeout=SLOW_MS)
    page.get_by_role("listitem", name=re.compile(r"lab\.ipynb")).dblclick(timeout=SLOW_MS)
    expect(page.locator(".jp-Notebook h1")).to_contain_text("Your first function", timeout=SLOW_MS)

    _run_all(page)
    report = page.locator(".jp-OutputArea-output", has_text="held checks are withheld")
    expect(report).to_contain_text("wanted", timeout=SLOW_MS)
    expect(report).to_contain_text("look at")
    started = _points(report)

    notebook = tmp_path / "labs" / LAB
    shutil.copy(notebook / "solution" / "lab.ipynb", notebook / "lab.ipynb")
    _menu(page, "File", "Reload Notebook from Disk")
    page.locator(".jp-Dialog").get_by_role("button", name="Reload").click(timeout=SLOW_MS)
    expect(report).to_have_count(0, timeout=SLOW_MS)
    _run_all(page)
    expect(report).to_contain_text("points", timeout=SLOW_MS)
    earned = _points(report)
    assert started[0] < earned[0] == earned[1]
    expect(page.get_by_text("official Jupyter news")).to_have_count(0)
    context.close()
    assert watch.external == []


def _menu(page: Page, menu: str, entry: str) -> None:
    page.locator("#jp-MainMenu").get_by_text(menu, exact=True).click()
    page.locator(".lm-Menu").get_by_text(entry, exact=True).click()


def _run_all(page: Page) -> None:
    """Run all cells once the kernel is there. JupyterLab drops, without a word, what is run before, and on a busy machine now
    and then what is run right after: whoever sees no cell begin tells it again.
    """
    status = page.locator(".jp-Notebook-ExecutionIndicator")
    begun = page.locator(".jp-CodeCell .jp-InputPrompt", has_text=re.compile(r"\[[*\d]"))
    for _ in range(_TELLINGS):
        expect(status).to_have_attribute("data-status", "idle", timeout=SLOW_MS)
        _menu(page, "Run", "Run All Cells")
        with contextlib.suppress(TimeoutError):
            begun.first.wait_for(timeout=_BEGINS_MS)
            return
    pytest.fail(f"JupyterLab was told {_TELLINGS} times to run the notebook, and no cell began")


def _points(report: Locator) -> tuple[float, float]:
    found = re.search(r"([\d.]+) of ([\d.]+) points", report.inner_text())
    assert found
    return float(found[1]), float(found[2])


# --- the exam ---


def test_a_mock_exam_is_found_from_home_begun_by_keyboard_and_marked_by_domain(
    reader: Page, address: str
) -> None:
    reader.goto(address + "index.html")
    reader.get_by_role("navigation", name="Tabs").get_by_role("link", name="Certification").click()
    expect(title(reader)).to_contain_text("Certification")
    reader.locator("article").get_by_role("link", name="Mock exam").first.click()
    reader.get_by_role("button", name="Begin SAA-C03").press("Enter")
    heading = reader.locator("[data-heading]")
    expect(heading).to_have_text("Question 1 of 65")
    expect(reader.locator(".course-clock")).to_have_text(re.compile(r"^2:(10:00|09:5\d)$"))

    _answer(reader, rightly=True)
    reader.keyboard.press("n")
    expect(heading).to_have_text("Question 2 of 65")
    _answer(reader, rightly=False)
    reader.keyboard.press("f")
    expect(reader.locator(".course-bar")).to_contain_text("2 questions answered, 1 flagged")

    reader.get_by_role("button", name="Review").press("Enter")
    expect(heading).to_have_text("Review")
    expect(reader.get_by_text("63 questions without an answer")).to_be_visible()
    expect(reader.get_by_label("Question 2: answered, flagged")).to_be_visible()
    reader.get_by_role("button", name="Hand it in").press("Enter")

    expect(heading).to_contain_text("SAA-C03: 1 of 65 right")
    rows = reader.get_by_role("region", name="Result by domain").locator("tbody tr")
    exam = next(exam for exam in exams.exams() if exam.code == "SAA-C03")
    expect(rows).to_have_count(len(exam.domains))
    counts = [re.search(r"(\d+) of (\d+)", row) for row in rows.all_inner_texts()]
    assert [sum(int(count[group]) for count in counts if count) for group in (1, 2)] == [1, 65]

    reader.locator("summary", has_text=re.compile(r"^2\. Wrong")).click()
    expect(reader.locator("details[open] .course-why").first).to_be_visible()


def _answer(page: Page, *, rightly: bool) -> None:
    """Choose by the number keys: every right option, or one wrong one."""
    name = page.locator(".course-question input").first.get_attribute("name") or ""
    question = BANK[name.removeprefix("course-option-")]
    wrong = [place for place, option in enumerate(question.options) if not option.right]
    for place in question.right if rightly else wrong[:1]:
        page.keyboard.press(str(place + 1))
