"""Practice, mock exam and cards in a real browser: by keyboard alone, from a server and from disk, with good and bad storage."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from docs_hooks import exams
from tests.browser.chromium import Watch, lent, needs_chromium, watched

pytestmark = needs_chromium

BANK = {question.id: question for question in exams.bank()}
KEY = "lambda-course"
EMPTY: dict[str, Any] = {"version": 1, "answers": {}, "cards": {}, "exam": None, "results": []}


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1000, "height": 800}, accept_downloads=True)
    yield tab
    tab.close()


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page without a past, that complained of nothing and asked nobody else when the test is over."""
    if not request.node.get_closest_marker("own_tab"):
        with lent(request.getfixturevalue("tab")) as page:
            yield page
        return
    browser: Browser = request.getfixturevalue("browser")
    context = browser.new_context(viewport={"width": 1000, "height": 800}, accept_downloads=True)
    page = context.new_page()
    watch = watched(page)
    yield page
    context.close()
    assert watch == Watch()


def stored(page: Page) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(page.evaluate(f"localStorage.getItem('{KEY}')"))
    return value


def heading(page: Page) -> str:
    return page.locator("[data-heading]").inner_text()


def asked(page: Page) -> str:
    """The id of the question on the page."""
    name = page.locator(".course-question input").first.get_attribute("name") or ""
    return name.removeprefix("course-option-")


def press_right(page: Page) -> None:
    for place in BANK[asked(page)].right:
        page.keyboard.press(str(place + 1))


def tab_to(page: Page, words: str) -> None:
    """Move the focus with Tab alone to the button that says ``words``."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.closest('.course-widget button')?.innerText ?? ''"):
            return
    raise AssertionError(f"Tab never reached {words!r}")


# --- practice ---


def test_practice_goes_by_keyboard_alone_and_explains_every_option(page: Page, address: str) -> None:
    page.goto(address + "certification/practice.html")
    tab_to(page, "Start")
    page.keyboard.press("Enter")
    expect(page.locator("[data-heading]")).to_contain_text("Question 1 of")
    first = asked(page)
    press_right(page)
    page.keyboard.press("Enter")
    expect(page.locator("[data-heading]")).to_contain_text(": right")
    whys = page.locator(".course-why").all_inner_texts()
    assert len(whys) == len(BANK[first].options)
    for option, why in zip(BANK[first].options, whys, strict=True):
        assert option.why.replace("`", "").split()[-1] in why
    page.keyboard.press("n")
    expect(page.locator("[data-heading]")).to_contain_text("Question 2 of")
    page.keyboard.press("p")
    expect(page.locator("[data-heading]")).to_contain_text("Question 1 of")
    assert stored(page)["answers"][first]["last"] is True


def test_the_code_of_a_question_is_shown_line_by_line(page: Page, address: str) -> None:
    question = next(each for each in BANK.values() if each.code)
    assert question.code
    page.goto(address + "certification/practice.html")
    shown = page.evaluate(
        """async (id) => {
          await course.bank.open();
          document.body.append(course.questionView.view(course.bank.question(id)).element);
          return document.querySelector(".course-code code").innerText;
        }""",
        question.id,
    )
    assert shown == question.code.text


def test_a_wrong_answer_is_found_again_among_those_to_look_at(page: Page, address: str) -> None:
    page.goto(address + "certification/practice.html")
    page.get_by_role("button", name="Start").click()
    page.locator("[data-heading]").filter(has_text="Question 1").wait_for()
    first = asked(page)
    wrong = next(place for place, option in enumerate(BANK[first].options) if not option.right)
    page.keyboard.press(str(wrong + 1))
    page.keyboard.press("Enter")
    expect(page.locator("[data-heading]")).to_contain_text("not right")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Practise more").click()
    page.get_by_label("Which").select_option("missed")
    expect(page.locator(".course-count")).to_have_text("1 question.")


def test_filters_count_what_the_bank_holds(page: Page, http_address: str) -> None:
    page.goto(http_address + "certification/practice.html")
    page.locator(".course-widget").get_by_label("Exam").select_option("CLF-C02")
    wanted = sum(any(entry.exam == "CLF-C02" for entry in question.exams) for question in BANK.values())
    expect(page.locator(".course-count")).to_have_text(f"{wanted} questions.")
    page.locator(".course-widget").get_by_label("Difficulty").select_option("3")
    wanted = sum(
        any(entry.exam == "CLF-C02" for entry in question.exams) and question.difficulty == 3
        for question in BANK.values()
    )
    words = (
        f"{wanted} question{'' if wanted == 1 else 's'}." if wanted else "No question is about all of this"
    )
    expect(page.locator(".course-count")).to_contain_text(words)


@pytest.mark.parametrize(
    ("query", "exam", "which"),
    [("?exam=DVA-C02&which=missed", "DVA-C02", "missed"), ("?exam=XYZ-C99&which=odd", "", "all")],
    ids=["known", "unknown"],
)
def test_a_link_chooses_the_exam(page: Page, http_address: str, query: str, exam: str, which: str) -> None:
    page.goto(f"{http_address}certification/practice.html{query}")
    expect(page.locator(".course-widget").get_by_label("Exam")).to_have_value(exam)
    expect(page.get_by_label("Which")).to_have_value(which)


def test_the_page_of_an_exam_leads_to_its_own_questions(page: Page, address: str) -> None:
    page.goto(address + "certification/dva-c02.html")
    page.get_by_role("link", name="Practise for DVA-C02").click()
    expect(page.locator(".course-widget").get_by_label("Exam")).to_have_value("DVA-C02")


@pytest.mark.own_tab
def test_on_a_phone_the_verdict_and_the_clock_stay_in_sight(page: Page, http_address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 640})

    def is_seen(chosen: str) -> bool:
        """Whether the first such element lies in the window, with nothing over it."""
        return bool(
            page.evaluate(
                """(chosen) => {
                  const element = document.querySelector(chosen);
                  const { left, top, width, height } = element.getBoundingClientRect();
                  const above = document.elementFromPoint(left + width / 2, top + height / 2);
                  return above !== null && (element.contains(above) || above.contains(element));
                }""",
                chosen,
            )
        )

    page.goto(http_address + "certification/practice.html")
    page.get_by_role("button", name="Start").click()
    page.locator(".course-option label").last.click()
    page.get_by_role("button", name="Check").click()
    page.locator("[data-heading]").filter(has_text="right").wait_for()
    assert is_seen("[data-heading]")
    page.goto(http_address + "certification/mock-exam.html")
    page.get_by_role("button", name="Begin DVA-C02").click()
    for _ in range(3):
        page.locator(".course-option label").last.click()
        assert is_seen(".course-clock")
        page.get_by_role("button", name="Next", exact=True).click()
        assert is_seen("[data-heading]")


def test_an_exam_without_questions_says_so(page: Page, http_address: str) -> None:
    page.route(
        "**/question-index.js", lambda route: route.fulfill(body=_without_questions(route.fetch().text()))
    )
    page.goto(http_address + "certification/practice.html")
    page.locator(".course-widget").get_by_label("Exam").select_option("DVA-C02")
    expect(page.locator(".course-count")).to_have_text("There are no questions for DVA-C02 yet.")
    page.goto(http_address + "certification/mock-exam.html")
    expect(page.get_by_text("There are no questions for this exam yet.")).to_have_count(3)


def _without_questions(script: str) -> str:
    head, _, rest = script.partition('course.data["questionIndex"] = ')
    value = json.loads(rest.strip().removesuffix(";"))
    value["rows"] = []
    return f'{head}course.data["questionIndex"] = {json.dumps(value)};'


# --- the mock exam ---


def begin(page: Page, address: str, code: str = "SAA-C03") -> None:
    page.goto(address + "certification/mock-exam.html")
    page.get_by_role("button", name=f"Begin {code}").click()
    page.locator("[data-heading]").filter(has_text="Question 1 of").wait_for()


def test_an_exam_is_taken_by_keyboard_and_marked_by_domain(page: Page, address: str) -> None:
    begin(page, address)
    count = len(stored(page)["exam"]["questions"])
    for place in range(count):
        expect(page.locator("[data-heading]")).to_have_text(f"Question {place + 1} of {count}")
        if place % 2 == 0:
            press_right(page)
        if place == 1:
            page.keyboard.press("f")
        page.keyboard.press("n")
    expect(page.locator("[data-heading]")).to_have_text("Review")
    assert page.get_by_label("Question 2: not answered, flagged").count() == 1
    assert page.locator(".course-cell.done").count() == (count + 1) // 2
    tab_to(page, "Hand it in")
    page.keyboard.press("Enter")
    right = (count + 1) // 2
    expect(page.locator("[data-heading]")).to_contain_text(f"SAA-C03: {right} of {count} right")
    (result,) = stored(page)["results"]
    assert (result["right"], result["total"]) == (right, count)
    assert sum(total for _, total in result["domains"].values()) == count
    assert stored(page)["exam"] is None
    assert "A scaled score is no percentage" in page.locator(".course-note").inner_text()


def test_what_was_wrong_comes_first_and_can_be_looked_through_again_after_a_reload(
    page: Page, address: str
) -> None:
    begin(page, address, "DVA-C02")
    press_right(page)
    page.keyboard.press("n")
    wrong = asked(page)
    page.keyboard.press(str(next(i for i, each in enumerate(BANK[wrong].options) if not each.right) + 1))
    page.keyboard.press("r")
    page.get_by_role("button", name="Hand it in").click()
    for again in (False, True):
        if again:
            page.reload()
            page.get_by_role("button", name="Look through the last one again").click()
        expect(page.locator("[data-heading]")).to_have_text("DVA-C02: 1 of 65 right (2 %)")
        rows = page.locator("details.course-answered summary")
        expect(rows).to_have_count(65)
        expect(rows.nth(0)).to_contain_text("2. Wrong")
        expect(rows.last).to_contain_text("1. Right")
        rows.nth(0).click()
        expect(page.locator(".course-option.wrong.chosen")).to_have_count(1)
    page.get_by_role("link", name="practise those").click()
    expect(page.locator(".course-count")).to_have_text("1 question.")


@pytest.mark.own_tab
def test_the_answers_and_the_time_survive_a_reload(page: Page, address: str) -> None:
    page.clock.install(time="2026-11-21T09:00:00")
    begin(page, address)
    page.keyboard.press("1")
    before = stored(page)["exam"]
    page.clock.fast_forward("10:00")
    page.reload()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".course-question input").first).to_be_checked()
    minutes = (before["endsAt"] - before["startedAt"]) // 60_000 - 10
    shown = page.locator(".course-clock").inner_text()
    hours, rest, _ = (int(part) for part in shown.split(":"))
    assert hours * 60 + rest in {minutes, minutes - 1}
    assert stored(page)["exam"]["answers"] == before["answers"]


@pytest.mark.own_tab
def test_when_the_time_is_up_the_exam_ends_by_itself(page: Page, http_address: str) -> None:
    page.clock.install(time="2026-11-21T09:00:00")
    begin(page, http_address)
    page.clock.fast_forward("03:00:00")
    expect(page.locator("[data-heading]")).to_contain_text("0 of")
    expect(page.get_by_text("The time was up")).to_be_visible()


def test_an_exam_whose_time_ran_out_while_the_page_was_closed_is_marked(
    page: Page, http_address: str
) -> None:
    begin(page, http_address)
    page.evaluate(
        f"const p = JSON.parse(localStorage['{KEY}']); p.exam.endsAt = 1; localStorage['{KEY}'] = JSON.stringify(p)"
    )
    page.reload()
    page.get_by_role("button", name="See the result").click()
    expect(page.get_by_text("The time was up")).to_be_visible()


@pytest.mark.parametrize("exam", exams.exams(), ids=lambda exam: exam.code)
def test_an_exam_is_drawn_by_the_weights_of_its_domains(
    page: Page, http_address: str, exam: exams.Exam
) -> None:
    """Each domain gets its share to within one question, unless the bank has fewer of it."""
    page.goto(http_address + "certification/mock-exam.html")
    drawn = page.evaluate(
        "code => course.examDraw.draw(course.bank.exams().find((e) => e.code === code), course.bank.index())",
        exam.code,
    )
    pool = [
        question for question in BANK.values() if any(entry.exam == exam.code for entry in question.exams)
    ]
    assert len(drawn) == len(set(drawn)) == min(exam.questions, len(pool))
    domain = {
        question.id: next(entry.task[0] for entry in question.exams if entry.exam == exam.code)
        for question in pool
    }
    for each in exam.domains:
        available = sum(value == each.key for value in domain.values())
        got = sum(domain[name] == each.key for name in drawn)
        assert got <= available
        assert (
            got == available
            or got >= int(exam.questions * each.weight / 100) * len(drawn) // exam.questions - 1
        )


def test_shares_are_given_out_whole_and_never_beyond_what_there_is(page: Page, http_address: str) -> None:
    page.goto(http_address + "certification/mock-exam.html")
    domains = [
        {"key": "1", "weight": 30},
        {"key": "2", "weight": 26},
        {"key": "3", "weight": 24},
        {"key": "4", "weight": 20},
    ]
    shares = "([domains, available, total]) => course.examDraw.shares(domains, available, total)"
    plenty = dict.fromkeys("1234", 99)
    assert page.evaluate(shares, [domains, plenty, 50]) == {"1": 15, "2": 13, "3": 12, "4": 10}
    scarce = {"1": 2, "2": 99, "3": 99, "4": 0}
    given = page.evaluate(shares, [domains, scarce, 50])
    assert (given["1"], given["4"], sum(given.values())) == (2, 0, 50)
    assert abs(given["2"] * 24 - given["3"] * 26) <= 26
    assert page.evaluate(shares, [domains, dict.fromkeys("1234", 1), 50]) == dict.fromkeys("1234", 1)


# --- cards ---


@pytest.mark.own_tab
def test_cards_move_through_the_boxes_by_keyboard(page: Page, address: str) -> None:
    page.clock.install(time="2026-11-21T09:00:00")
    page.goto(address + "certification/cards.html")
    tab_to(page, "Study ")
    page.keyboard.press("Enter")
    page.locator(".course-flash").wait_for()
    page.keyboard.press(" ")
    page.keyboard.press("2")
    page.keyboard.press(" ")
    page.keyboard.press("1")
    rows = sorted((row["box"], row["due"]) for row in stored(page)["cards"].values())
    assert rows == [(1, "2026-11-21"), (1, "2026-11-22")]


def test_a_known_card_comes_back_later_and_later_and_a_forgotten_one_starts_anew(
    page: Page, http_address: str
) -> None:
    page.goto(http_address + "certification/cards.html")
    due = page.evaluate(
        """() => {
          let card = null, now = new Date(2026, 10, 21, 9);
          const seen = [];
          for (const known of [true, true, true, true, true, true, false, true]) {
            card = course.leitner.after(card, known, now);
            seen.push([card.box, card.due]);
          }
          return seen;
        }"""
    )
    assert [box for box, _ in due] == [1, 2, 3, 4, 5, 5, 1, 2]
    days = ["22", "23", "25", "29"]
    assert [day for _, day in due] == [
        *(f"2026-11-{day}" for day in days),
        "2026-12-07",
        "2026-12-07",
        "2026-11-21",
        "2026-11-23",
    ]


def test_due_cards_come_before_new_ones_and_new_ones_are_rationed(page: Page, http_address: str) -> None:
    page.goto(http_address + "certification/cards.html")
    ids = page.evaluate(
        """() => {
          const ids = Array.from({ length: 50 }, (_, n) => `c${n}`);
          const cards = { c40: { box: 2, due: "2026-11-21", at: 1 }, c30: { box: 1, due: "2026-11-01", at: 1 }, c20: { box: 3, due: "2026-11-22", at: 1 } };
          return course.leitner.due(ids, cards, new Date(2026, 10, 21, 9));
        }"""
    )
    assert ids[:3] == ["c30", "c40", "c0"]
    assert "c20" not in ids
    assert len(ids) == 22


# --- progress ---


def practised(page: Page, address: str) -> None:
    page.goto(address + "certification/practice.html")
    page.get_by_role("button", name="Start").click()
    page.locator("[data-heading]").filter(has_text="Question 1").wait_for()
    press_right(page)
    page.keyboard.press("Enter")
    page.locator("[data-heading]").filter(has_text="right").wait_for()


def test_progress_goes_out_as_a_file_and_comes_in_elsewhere(
    page: Page, browser: Browser, address: str, tmp_path: Path
) -> None:
    practised(page, address)
    page.locator("summary", has_text="Your progress").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as file").click()
    file = tmp_path / "progress.json"
    download.value.save_as(file)
    assert json.loads(file.read_text()) == stored(page)

    elsewhere = browser.new_context().new_page()
    elsewhere.goto(address + "certification/cards.html")
    elsewhere.locator("summary", has_text="Your progress").click()
    elsewhere.locator("#course-import").set_input_files(file)
    expect(elsewhere.get_by_text("Imported: 1 answered question and 0 cards.")).to_be_visible()
    assert stored(elsewhere) == stored(page)
    elsewhere.context.close()


BAD_FILES = {
    "no JSON": ("{", "It is not JSON."),
    "something else": ('{"a": 1}', "It is not a progress file of this course."),
    "a list": ("[]", "It is not a progress file of this course."),
    "a newer version": (json.dumps({**EMPTY, "version": 2}), "It is of version 2"),
    "damaged answers": (
        json.dumps({**EMPTY, "answers": {"x": {"seen": -1}}}),
        "Its list of answers is damaged.",
    ),
    "a card in box 9": (
        json.dumps({**EMPTY, "cards": {"x": {"box": 9, "due": "2026-11-21", "at": 1}}}),
        "Its list of cards is damaged.",
    ),
    "a result with markup": (
        json.dumps(
            {**EMPTY, "results": [{"exam": "<img src=x>", "at": 1, "right": 1, "total": 1, "domains": {}}]}
        ),
        "Its list of exam results is damaged.",
    ),
    "an exam without questions": (
        json.dumps({**EMPTY, "exam": {"exam": "SAA-C03", "questions": []}}),
        "Its unfinished exam is damaged.",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_one_sentence_and_changes_nothing(page: Page, http_address: str, name: str) -> None:
    text, sentence = BAD_FILES[name]
    practised(page, http_address)
    before = stored(page)
    page.locator("summary", has_text="Your progress").click()
    page.locator("#course-import").set_input_files(
        [{"name": "x.json", "mimeType": "application/json", "buffer": text.encode()}]
    )
    expect(page.get_by_text("was not imported and nothing was changed")).to_contain_text(sentence)
    assert stored(page) == before


def test_an_import_keeps_the_later_of_two_answers(page: Page, http_address: str) -> None:
    page.goto(http_address + "certification/practice.html")
    merged = page.evaluate(
        """(empty) => {
          const row = (at, last) => ({ seen: 1, right: Number(last), last, at });
          course.progress.update((value) => { value.answers = { a: row(5, true), b: row(5, true) }; });
          course.progress.importText(JSON.stringify({ ...empty, answers: { a: row(9, false), b: row(1, false), c: row(1, true) } }));
          return course.progress.read().answers;
        }""",
        EMPTY,
    )
    assert {name: row["at"] for name, row in merged.items()} == {"a": 9, "b": 5, "c": 1}


def test_storage_that_cannot_be_read_is_put_aside_and_said(page: Page, address: str) -> None:
    page.goto(address + "certification/practice.html")
    page.evaluate(f"localStorage['{KEY}'] = '{{broken'")
    page.reload()
    expect(page.get_by_text("could not be read and was put aside")).to_be_visible()
    assert page.evaluate(f"localStorage['{KEY}.unreadable']") == "{broken"
    page.get_by_role("button", name="Start").click()
    expect(page.locator("[data-heading]")).to_contain_text("Question 1 of")


def test_the_progress_of_a_newer_version_is_left_alone(page: Page, http_address: str) -> None:
    page.goto(http_address + "certification/practice.html")
    newer = json.dumps({**EMPTY, "version": 7})
    page.evaluate(f"text => localStorage['{KEY}'] = text", newer)
    practised(page, http_address)
    expect(page.get_by_text("written by a newer version")).to_be_attached()
    assert page.evaluate(f"localStorage['{KEY}']") == newer


@pytest.mark.own_tab
@pytest.mark.parametrize("how", ["blocked", "full"])
def test_without_storage_everything_works_until_the_page_is_left(
    page: Page, http_address: str, how: str
) -> None:
    # Only for the course's own key: the theme keeps its palette in the same storage, and complains.
    refuse = f"""(() => {{
      for (const name of {list(("getItem", "setItem") if how == "blocked" else ("setItem",))}) {{
        const real = Storage.prototype[name];
        Storage.prototype[name] = function (key, value) {{
          if (key.startsWith("{KEY}")) throw new DOMException("no", "SecurityError");
          return real.call(this, key, value);
        }};
      }}
    }})()"""
    page.add_init_script(refuse)
    practised(page, http_address)
    assert page.evaluate("Object.keys(course.progress.read().answers).length") == 1
    assert "until you leave" in page.evaluate("course.progress.trouble")


@pytest.mark.own_tab
def test_a_second_page_does_not_undo_the_first(page: Page, http_address: str) -> None:
    practised(page, http_address)
    other = page.context.new_page()
    practised(other, http_address)
    assert len(stored(page)["answers"]) == 2
