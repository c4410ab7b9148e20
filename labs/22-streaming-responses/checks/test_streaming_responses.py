"""What lab 22 asks for: a runtime that streams with manners, and a report whose reader sees each line when it is there."""

from __future__ import annotations

import io
import json
import re
import zipfile
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import configuration_of, expect_guesses, expect_observed, in_place_of, layer_of

DICTATION = "cloudberry-dictation"
REPORT = "cloudberry-report"
MOST_BYTES = 1_000_000

# The checks' own handler, run by the learner's runtime: it yields what it is told to, and its own name for "who".
DICTATED = """
import os
import uuid

ME = uuid.uuid4().hex


def handler(event, context):
    if event.get("refuse"):
        raise ValueError(event["refuse"])
    return dictated(event)


def dictated(event):
    for number, piece in enumerate(event["pieces"]):
        if number == event.get("raise_at"):
            raise {"KeyError": KeyError, "LookupError": LookupError, "OSError": OSError}[event["kind"]](event["message"])
        if number == event.get("exit_at"):
            os._exit(1)
        yield ME if piece == "who" else piece
"""

# The checks' own figures, beside the learner's handler: a sum, None for lost books, "exit" to end the process right there.
FIGURES = """
import os

CENTS = {cents!r}


def years():
    return sorted(CENTS)


def takings(year, quarter):
    cents = CENTS[year][int(quarter) - 1]
    if cents == "exit":
        os._exit(1)
    if cents is None:
        raise LookupError("lost")
    return cents
"""


def streaming_settings(sandbox, name):
    """Return the settings by which a function of the learner's streams; raises CheckFailed if it has none."""
    layer_of(sandbox, name, "cloudberry-press")
    configuration = configuration_of(sandbox, name)
    variables = configuration.get("Environment", {}).get("Variables", {})
    expect(
        variables.get("AWS_LAMBDA_EXEC_WRAPPER"),
        wanted="/opt/start",
        look_at=f"the settings in press, which deploy passes on to {name}: deploy(…, **press)",
    )
    layers = [layer["Arn"] for layer in configuration["Layers"]]
    return {"Layers": layers, "Environment": {"Variables": variables}, "MemorySize": 512, "Timeout": 10}


def dictate(sandbox, order, look_at):
    """Have the learner's runtime run the checks' handler; return what arrived, and the error that ended it or None."""
    settings = streaming_settings(sandbox, DICTATION)
    if not sandbox.has_function("check-dictation"):
        sandbox.deploy("check-dictation", DICTATED, **settings)
    answer = sandbox.client("lambda").invoke_with_response_stream(
        FunctionName="check-dictation", Payload=json.dumps(order)
    )
    data, end = bytearray(), {}
    for event in answer["EventStream"]:
        data += event.get("PayloadChunk", {}).get("Payload", b"")
        end = event.get("InvokeComplete", end)
    arrived, error = shortened(data.decode("utf-8", "replace")), error_of(end)
    if error and error.startswith(("Runtime.ExitError", "Sandbox.Timedout")) and "exit_at" not in order:
        wanted("a runtime that lives on", f"{arrived!r} arrived, then {error}", look_at)
    return {"arrived": arrived, "error": error}


def error_of(end):
    """Return type and message of the error with which a stream ended, or None where there was none."""
    if "ErrorCode" not in end:
        return None
    try:
        details = json.loads(end.get("ErrorDetails", ""))
        return f"{details['errorType']}: {details['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return f"an error without type and message: {end.get('ErrorDetails', '')[:200]}"


def shortened(text):
    """Return text in which long runs of x, of which some dictations have many, are counted instead of shown."""
    return re.sub("x{20,}", lambda run: f"({len(run[0])} x)", text)


def visit(sandbox, name, path, body=None):
    """Read a page of the function's address; return its parts, and whether it came to its end."""
    try:
        url = sandbox.client("lambda").get_function_url_config(FunctionName=name)
    except ClientError:
        wanted(f"an address of {name}", "it has none", 'open_url(…, "RESPONSE_STREAM")')
    expect(url["InvokeMode"], wanted="RESPONSE_STREAM", look_at=f"the mode of the address of {name}")
    address = urlsplit(sandbox.url)
    connection = HTTPConnection(address.hostname, address.port, timeout=20)
    headers = {"Host": urlsplit(url["FunctionUrl"]).netloc, "Content-Type": "application/json"}
    data, whole = bytearray(), True
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        try:
            while piece := answer.read1():
                data += piece
        except (HTTPException, ConnectionError):
            whole = False
    finally:
        connection.close()
    return {
        "status": answer.status,
        "content-type": (answer.getheader("content-type") or "").lower().replace(" ", ""),
        "cookies": [cookie.split(";")[0] for cookie in answer.headers.get_all("set-cookie", [])],
        "body": data.decode("utf-8", "replace"),
        "end": "whole" if whole else "broken off",
    }


def lines(text):
    """Return a page's lines, however they were broken."""
    return [line.strip() for line in re.sub(r">\s*<", ">\n<", text).splitlines() if line.strip()]


def page_of(sandbox, name, path):
    """Read a page of the report, as ``visit`` does; raises CheckFailed if there is none."""
    found = visit(sandbox, name, path)
    if found["status"] == 502:
        why = "502: the handler raised before its first piece, or what came first was no head (are cookies a list?)"
        look_at = f'sandbox.logs("{REPORT}"); and gap 1, as long as the check of the head fails'
        wanted(f"a page at {path}", why, look_at)
    if found["body"].startswith("statusCode"):
        why = f"the names in a dictionary: {found['body'][:60]}"
        wanted(
            f"a page at {path}",
            why,
            "return, where it is to be yield: the runtime takes what it gets piece by piece",
        )
    return found


def expect_report(sandbox, name, year, cents, look_at):
    """Pass if a year's report is right: head, lines, and whether it comes to its end."""
    found = page_of(sandbox, name, f"/{year}")
    cookies = [cookie for cookie in found["cookies"] if cookie.startswith("last_report=")]
    expect(
        {"status": found["status"], "content-type": found["content-type"], "cookies": cookies},
        wanted={"status": 200, "content-type": "text/html;charset=utf-8", "cookies": [f"last_report={year}"]},
        look_at=f"/{year}: the dictionary that is yielded first; and whether figures.years() is asked which years there are",
    )
    expect(lines(found["body"]), wanted=page(year, cents), look_at=f"the lines of /{year}; {look_at}")
    expect(found["end"], wanted="broken off" if "exit" in cents else "whole", look_at=f"/{year}; {look_at}")


def page(year, cents):
    """Return the lines of a year's report; it ends before the quarter at which the process does."""
    found = [f"<h1>Cloudberry {year}</h1>"]
    for quarter, sum_cents in enumerate(cents, start=1):
        if sum_cents == "exit":
            return found
        found.append(f"<p>Quarter {quarter}: {'lost' if sum_cents is None else f'{sum_cents} cents'}</p>")
    return [*found, "<p>Year: not complete</p>" if None in cents else f"<p>Year: {sum(cents)} cents</p>"]


def with_figures(sandbox, name, cents):
    """Deploy the learner's report once more, under another name and with other figures beside its handler."""
    settings = streaming_settings(sandbox, REPORT)
    found = sandbox.client("lambda").get_function(FunctionName=REPORT)
    with urlopen(f"{sandbox.url}{urlsplit(found['Code']['Location']).path}", timeout=20) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    files = {}
    for each in archive.namelist():
        if each.endswith(".py"):
            with archive.open(each) as file:
                files[each] = file.read(MOST_BYTES).decode("utf-8", "replace")
    files = in_place_of(files, {"figures.py": FIGURES.format(cents=cents)})
    sandbox.deploy(name, files, Handler=found["Configuration"]["Handler"], **settings)
    sandbox.client("lambda").create_function_url_config(
        FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    guesses = submission.literal("predict-1")
    kinds = {
        "a_python_generator_gives": str,
        "status_after_a_late_error": int,
        "function_stops_without_a_reader": bool,
    }
    expect_guesses(guesses, kinds)
    expect_true(
        guesses["a_python_generator_gives"] in ("pieces", "whole", "error"),
        wanted='"pieces", "whole" or "error"',
        got=guesses["a_python_generator_gives"],
        look_at="the first guess: one of the three words (any of them counts)",
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what arrived, and what could not be called back

    A stream is proved by what had arrived when something later had not happened yet. The status is
    the first thing that leaves, so it knows nothing of what comes after it.
    """
    right = [
        ("pieces_of_the_whole", 1, "'one report, three ways to wait': the lines above the first end"),
        ("error_of_the_generator", "Runtime.MarshalError", "the same cell, the last line"),
        ("pieces_before_the_timeout", 1, "the output of the cell with the timeout of one second"),
        ("error_of_seven_megabytes", "Function.ResponseSizeTooLarge", "'Six megabytes, and more': Invoke"),
        ("status_of_the_broken_page", 200, "the page whose third quarter is lost: its first line"),
        ("written_without_a_reader", True, "the log's line, after the reader had left"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_an_empty_piece_is_not_the_end(sandbox):
    """What comes after an empty piece arrives, and every piece at once

    A chunk of length nought is the end of the answer, so a runtime must not send one before it is meant. And what is
    sent at once is with the caller even if the process ends the moment after.
    """
    look_at = "gap 2: what is sent for an empty piece, and what a chunk of length 0 means"
    for pieces in (["jam, ", "", "", "åkerbär", ""], ["", "jam, ", "åkerbär"]):
        expect(
            dictate(sandbox, {"pieces": pieces}, look_at),
            wanted={"arrived": "jam, åkerbär", "error": None},
            look_at=f"{look_at}; the pieces were {json.dumps(pieces, ensure_ascii=False)}",
        )
    dying = {"pieces": ["jam, ", "tea, ", "honey"], "exit_at": 2}
    expect(
        dictate(sandbox, dying, look_at)["arrived"],
        wanted="jam, tea, ",
        look_at="the loop in reply: the handler ended its process before the third piece, and the first two were "
        "yielded by then; send each piece before you ask for the next",
    )


@pytest.mark.points(2)
def test_the_head_goes_ahead(sandbox):
    """A dictionary that is yielded first becomes status, headers and cookies

    A body can only be sent early if what stands before it is sent earlier. So the head has a form of its own, and
    eight NUL bytes, which no JSON holds, say where it ends.
    """
    look_at = "gap 1: Answer(request_id, HEAD), JSON, and bytes(8); a 502 means that no head was found"
    head = {"statusCode": 201, "headers": {"content-type": "text/html"}, "cookies": ["jar=7", "spoon=silver"]}
    found = dictate(sandbox, {"pieces": [head, "<p>Jam.</p>"]}, look_at)
    expect(found["error"], wanted=None, look_at=look_at)
    sent, nuls, body = found["arrived"].partition("\0" * 8)
    expect_true(nuls != "", wanted="eight NUL bytes behind the head", got=repr(sent), look_at=look_at)
    expect([as_json(sent), body], wanted=[head, "<p>Jam.</p>"], look_at=look_at)
    expect(
        visit(sandbox, DICTATION, "/", {"pieces": [head, "<p>Jam.</p>", "", "<p>Tea.</p>"]}),
        wanted={
            "status": 201,
            "content-type": "text/html",
            "cookies": head["cookies"],
            "body": "<p>Jam.</p><p>Tea.</p>",
            "end": "whole",
        },
        look_at=look_at,
    )


@pytest.mark.points(2)
def test_an_early_error_is_an_error(sandbox):
    """A handler that raises before it has yielded anything is a 502, and the next call is served

    Nothing had left, so the caller can still be told properly. That is worth waiting for the first piece.
    """
    look_at = (
        "gap 3: post_error(request_id, *described(error)) for an exception up to the first piece; then return"
    )
    alive = dictate(sandbox, {"pieces": ["who"]}, look_at)
    order = {"pieces": ["jam"], "raise_at": 0, "kind": "LookupError", "message": "no books"}
    right = {"arrived": "", "error": "LookupError: no books"}
    expect(dictate(sandbox, order, look_at), wanted=right, look_at=look_at)
    both = "gap 3: a handler that is no generator may raise when it is called; both lines belong under try"
    right = {"arrived": "", "error": "ValueError: not today"}
    expect(dictate(sandbox, {"pieces": [], "refuse": "not today"}, both), wanted=right, look_at=both)
    page_found = visit(sandbox, DICTATION, "/", {"pieces": ["jam"], "raise_at": 0})
    expect(page_found["status"], wanted=502, look_at=look_at)
    expect_same_process(sandbox, alive, look_at)


@pytest.mark.points(2)
def test_a_late_error_ends_the_answer(sandbox):
    """A handler that raises after its first piece keeps what is out, and the end says what happened

    The status cannot be called back. What is left is an end that says "not whole", and trailers are the one
    place behind a body where that can be said.
    """
    look_at = (
        "gap 4: answer.end({ERROR_TYPE: name, ERROR_BODY: …}), the description in base64 and that as a text"
    )
    alive = dictate(sandbox, {"pieces": ["who"]}, look_at)
    order = {
        "pieces": ["jam, ", "tea, ", "honey"],
        "raise_at": 2,
        "kind": "LookupError",
        "message": "no books",
    }
    right = {"arrived": "jam, tea, ", "error": "LookupError: no books"}
    expect(dictate(sandbox, order, look_at), wanted=right, look_at=look_at)
    expect_same_process(sandbox, alive, look_at)


def expect_same_process(sandbox, before, look_at):
    """Pass if the runtime that answered ``before`` answers now."""
    now = dictate(sandbox, {"pieces": ["who"]}, look_at)
    expect_true(
        now == before and now["error"] is None,
        wanted="the next event answered by the same process",
        got=f"it ended with {now['error']}"
        if now["error"]
        else "another process answered: the first one ended",
        look_at=f"the loop at the end, which goes on after an error; and {look_at}",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_any_dictation_arrives(sandbox, seeded):
    """Pieces of every kind, heads, and errors at any place come out as they went in"""
    look_at = "the four gaps, with long pieces, other alphabets, several empty pieces, and an error anywhere"
    words = [
        "jam",
        "åkerbär ",
        "漿果",
        "",
        "",
        "0",
        "\r\n0\r\n\r\n",
        "🫙",
        "x" * seeded.randint(10_000, 70_000),
    ]
    alive = dictate(sandbox, {"pieces": ["who"]}, look_at)
    for number in range(8):
        pieces = [seeded.choice(words) for _ in range(seeded.randint(2, 7))]
        head = {"statusCode": seeded.randint(200, 299), "headers": {"x-jar": f"{seeded.random()}"}}
        order = {"pieces": [head, *pieces] if number % 2 else pieces}
        error = None
        if number in (2, 3, 6, 7):
            at, kind = seeded.randint(1, len(pieces) - 1), seeded.choice(["LookupError", "OSError"])
            message = f"lost: {seeded.choice(words[:3])}"
            order |= {"raise_at": at + number % 2, "kind": kind, "message": message}
            error, pieces = f"{kind}: {message}", pieces[:at]
        found = dictate(sandbox, order, look_at)
        if number % 2:
            sent, _, found["arrived"] = found["arrived"].partition("\0" * 8)
            expect(as_json(sent), wanted=head, look_at="gap 1: what stands before the eight NUL bytes")
        right = {"arrived": shortened("".join(pieces)), "error": error}
        expect(found, wanted=right, look_at=look_at)
    order = {"pieces": ["", "x"], "raise_at": 0, "kind": "KeyError", "message": "sku"}
    right = {"arrived": "", "error": "KeyError: 'sku'"}
    expect(dictate(sandbox, order, look_at), wanted=right, look_at=look_at)
    right = {"arrived": "", "error": None}
    expect(dictate(sandbox, {"pieces": []}, look_at), wanted=right, look_at="a handler that yields nothing")
    expect_same_process(sandbox, alive, look_at)


def as_json(text):
    """Return text read as JSON, or as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.mark.points(2)
def test_the_report_is_there(sandbox):
    """2025 is complete, 2024 says that it is not, and both are pages with a cookie

    When the lost books turn up, the 200 is with the reader. The page itself is the only place left to say it in, and
    its last line is how a reader knows that nothing is missing behind it.
    """
    streaming_settings(sandbox, REPORT)
    known = {"2025": [185000, 221050, 342400, 264800], "2024": [171000, None, 310900, 248650]}
    for year, cents in known.items():
        look_at = "an exception of takings must not break the page off, nor count as nothing"
        expect_report(sandbox, REPORT, year, cents, look_at)


@pytest.mark.points(1)
def test_another_path_is_not_found(sandbox):
    """A year that there is not, or another path, is a 404

    Before the first byte every status is still possible, so what can be known there is to be asked there.
    """
    streaming_settings(sandbox, REPORT)
    for path in ["/1999", "/", "/favicon.ico", "/2025/quarter"]:
        found = page_of(sandbox, REPORT, path)
        expect(
            {
                "status": found["status"],
                "content-type": found["content-type"].split(";")[0],
                "body": as_json(found["body"]),
            },
            wanted={"status": 404, "content-type": "application/json", "body": {"error": "no such report"}},
            look_at=f"GET {path}: is the year one of figures.years()? Ask before you yield anything",
        )


@pytest.mark.points(3)
def test_every_line_leaves_when_it_is_there(sandbox):
    """The title comes before any sum, and each quarter before the next is added up

    Here the books end the process while they are being added up. What had been yielded is with the reader; what had
    been collected is gone. It is the order of events that proves a stream, and no stopwatch.
    """
    cents = {"1901": ["exit"] * 4, "1902": [100, "exit", "exit", "exit"], "1903": [5, None, 7, "exit"]}
    with_figures(sandbox, "check-report", cents)
    for year, sums in cents.items():
        quarter = sums.index("exit") + 1
        look_at = (
            f"in these figures, adding up quarter {quarter} ends the process: what has your handler yielded before it calls "
            f"takings for quarter {quarter}? (And does the runtime send at once: does the check of the empty piece pass?)"
        )
        expect_report(sandbox, "check-report", year, sums, look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_any_books_make_a_report(sandbox, seeded):
    """Other years and other sums, with any quarters lost, make the right page, line by line"""
    cents = {}
    for number in range(5):
        sums = [seeded.randint(0, 900_000) for _ in range(4)]
        for quarter in seeded.sample(range(4), k=(0, 1, 2, 4, 1)[number]):
            sums[quarter] = None
        cents[str(seeded.randrange(1900 + 20 * number, 1920 + 20 * number))] = sums
    cents[str(seeded.randint(2030, 2099))] = [seeded.randint(1, 9_999), None, "exit", "exit"]
    cents[str(seeded.randint(2100, 2199))] = [0, 0, 0, 0]
    with_figures(sandbox, "check-books", cents)
    for year, sums in cents.items():
        look_at = "the sums come from takings and the years from years(), whatever stands in figures.py"
        expect_report(sandbox, "check-books", year, sums, look_at)
    for missing in ("2025", str(seeded.randint(2200, 2299))):
        expect(
            visit(sandbox, "check-books", f"/{missing}")["status"],
            wanted=404,
            look_at=f"{missing}, a year that years() does not name",
        )
