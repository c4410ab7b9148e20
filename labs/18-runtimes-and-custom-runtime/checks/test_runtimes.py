"""What lab 18 asks for: a runtime that answers, reports and goes on, and one in a layer that runs anybody's shell scripts."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile

import pytest

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import configuration_of, expect_guesses, expect_observed, layer_of

PRINTER = "cloudberry-printer"
PRICE = "cloudberry-price-label"
PARCEL = "cloudberry-parcel-label"
LAYER = "cloudberry-shell"
MOST_BYTES = 5_000_000
PLATFORM = (
    "INIT_",
    "START ",
    "END ",
    "REPORT ",
    "RequestId: ",
    "Runtime.",
)  # how Lambda's own lines in a log begin
FAILED = (
    "what is posted when status is not 0; and status=$? right behind answer=$(…), as any command changes $?"
)
RUNS = 'the script and its function, from $_HANDLER, and the event as the input: answer=$("$function" <<<"$body")'
ROLE = "arn:aws:iam::000000000000:role/grader"
# In place of api.sh: writes down what is asked, and nobody answers.
DEAF_API = """
call() {
    echo "$1 $2"
    [ "$1" = POST ] || exit 9
}
header() {
    :
}
"""
# A script of the checks' own. It tells how often it was read, and what it finds while it runs.
SCRIPT = """
read_so_far=$((read_so_far + 1))
born=${born:-$RANDOM$RANDOM$RANDOM}

FUNCTION() {
    local event=$(cat)
    case $event in
        *'"fail"'*) echo 'half a label'; echo 'told to fail' >&2; return STATUS ;;
        *'"where"'*) printf '{"read": %d, "born": "%s"}' "$read_so_far" "$born" ;;
        *'"context"'*)
            trace=$(bash -c 'printf %s "$_X_AMZN_TRACE_ID"')
            printf '{"id": "%s", "deadline": "%s", "trace": "%s"}' "$REQUEST_ID" "$DEADLINE_MS" "$trace" ;;
        *) printf '%s' "$event" ;;
    esac
}
"""


class Answer:
    """One invocation: ``error`` is its errorType or empty, ``value`` the answer as JSON, ``request_id`` its id."""

    def __init__(self, sandbox, name, event):
        configuration_of(sandbox, name)
        self._sandbox, self._name = sandbox, name
        payload = json.dumps(event, ensure_ascii=False).encode()
        answer = sandbox.client("lambda").invoke(FunctionName=name, Payload=payload)
        self.text = answer["Payload"].read(MOST_BYTES).decode(errors="replace")
        self.request_id = answer["ResponseMetadata"]["RequestId"]
        self.failed = "FunctionError" in answer
        try:
            self.value = json.loads(self.text)
        except (ValueError, RecursionError):
            self.value = None
        told = self.value if self.failed and type(self.value) is dict else {}
        self.error = str(told.get("errorType", "")) if self.failed else ""
        self.message = str(told.get("errorMessage", ""))

    @property
    def shown(self):
        if self.error == "Runtime.ExitError":
            told = last_words(self._sandbox, self._name)
            return f"the program ended ({self.message.rpartition('Error: ')[2]}); last in its log: {told}"
        return f"{'an error' if self.failed else 'the answer'} {self.text[:300] or '(nothing)'}"

    def blame(self, look_at):
        """Return where to look: an error that Lambda told of, and not the runtime, says where by itself."""
        if self.error == "Runtime.InvalidEntrypoint":
            return "the bootstrap: is it at the top of the zip, and marked as executable (chmod) when that is made? And its first line?"
        if self.error == "Sandbox.Timedout":
            return f"what is posted for the event, and to which id: nothing was taken; {look_at}"
        return look_at


def log_lines(sandbox, name):
    """Return the lines in a function's log."""
    return [line.strip() for line in sandbox.log_lines(name)]


def last_words(sandbox, name):
    """Return the last two lines that a function itself wrote to its log, each only once."""
    lines = log_lines(sandbox, name)
    own = [line for line in lines if line and not line.startswith(PLATFORM)]
    return " / ".join(dict.fromkeys(line[:160] for line in own[-2:])) or "nothing"


def expect_answer(sandbox, name, event, right, look_at):
    """Fail the check unless the function answers ``right`` to the event."""
    answer = Answer(sandbox, name, event)
    asked = f"the answer {json.dumps(right, ensure_ascii=False)} to the event {json.dumps(event, ensure_ascii=False)}"
    expect_true(not answer.failed, wanted=asked, got=answer.shown, look_at=answer.blame(look_at))
    expect_true(
        answer.value is not None,
        wanted=asked,
        got=f"no JSON: {answer.text[:300] or 'nothing'}",
        look_at=look_at,
    )
    expect(answer.value, wanted=right, look_at=look_at)


def expect_error(sandbox, name, event, kind, look_at):
    """Fail the check unless the function fails with an error of this type; return the answer."""
    answer = Answer(sandbox, name, event)
    asked = f"an error of the type {kind} for the event {json.dumps(event, ensure_ascii=False)}"
    if not answer.failed and type(answer.value) is dict and "errorType" in answer.value:
        got = f"the error as an ordinary answer: {answer.text[:300]}"
        wanted(asked, got, f"{look_at}; it goes to invocation/…/error, not to …/response")
    expect_true(answer.error == kind, wanted=asked, got=answer.shown, look_at=answer.blame(look_at))
    return answer


def price(sku, cents):
    return {"sku": sku, "cents": cents}, {"label": f"{sku} {cents // 100}.{cents % 100:02} EUR"}


def set_ups(sandbox, name):
    """Return how often environments of this function have begun to get ready."""
    found = [row for row in sandbox.history()["environments"] if row["function_name"] == name]
    return sum(phase["kind"] == "init" for row in found for phase in row["phases"])


def expect_no_restart(sandbox, name, before, look_at):
    """Fail the check if the function's program was started again since there were ``before`` set-ups."""
    expect_true(
        set_ups(sandbox, name) == before,
        wanted="one program that goes on from event to event",
        got="it ended, and Lambda had to start it again",
        look_at=look_at,
    )


def set_up_failed(sandbox, answer):
    """Return whether the environment of this call never got ready."""
    history = sandbox.history()
    rows = [row for row in history["invocations"] if row["request_id"] == answer.request_id]
    ids = {row["environment_id"] for row in rows}
    return any(row["ready_at"] is None for row in history["environments"] if row["environment_id"] in ids)


def expect_failed_set_up(sandbox, name, kind, look_at):
    """Fail the check unless the function's set-up posts an error of this type to init/error."""
    answer = expect_error(sandbox, name, {"sku": "jam", "cents": 650}, kind, look_at)
    expect_true(
        set_up_failed(sandbox, answer),
        wanted="a set-up that fails, before any event is asked for",
        got="the program got ready, and failed at the event",
        look_at=f"{look_at}; it goes to init/error, before the loop",
    )


def expect_end_after_init_error(sandbox, archive, look_at, **settings):
    """Fail the check if the bootstrap in this zip goes on when its set-up has failed.

    Lambda ends such a program by itself, and nobody would notice: so it runs with an api.sh that only writes down what it asks.
    """
    name = f"probe-{time.monotonic_ns()}"
    client = sandbox.client("lambda")
    code = {"ZipFile": with_api(archive, DEAF_API)}
    client.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Role=ROLE,
        Code=code,
        MemorySize=512,
        Timeout=10,
        **settings,
    )
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        client.invoke(FunctionName=name, Payload=b"{}")
        asked = log_lines(sandbox, name)
    finally:
        client.delete_function(FunctionName=name)
    told = "POST init/error" in asked
    expect_true(
        not (told and "GET invocation/next" in asked[asked.index("POST init/error") :]),
        wanted="a program that ends when it has posted to init/error",
        got="it goes on, and asks for an event",
        look_at=look_at,
    )


def with_api(archive, text):
    """Return a zip of the same files, but for api.sh, which is ``text``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for entry in archive.infolist():
            made.writestr(entry, text if entry.filename == "api.sh" else archive.read(entry))
    return buffer.getvalue()


def archive_of(location):
    """Return the zip at an address of the sandbox."""
    with urllib.request.urlopen(location, timeout=30) as answer:
        raw = answer.read(MOST_BYTES)
    try:
        return zipfile.ZipFile(io.BytesIO(raw))
    except zipfile.BadZipFile:
        wanted("a zip of a few files", f"{len(raw)} bytes or more that are none", "what is in the folder")


def names_in(archive):
    return sorted(entry.filename for entry in archive.infolist() if not entry.is_dir())[:20]


def expect_bootstrap(archive, where, look_at):
    """Fail the check unless a zip has a bootstrap at its top that provided.al2023 can start."""
    names = names_in(archive)
    expect_true(
        "bootstrap" in names, wanted=f"a file bootstrap at the top of {where}", got=names, look_at=look_at
    )
    mode = archive.getinfo("bootstrap").external_attr >> 16
    expect_true(
        bool(mode & 0o111),
        wanted=f"a bootstrap in {where} that is marked as executable",
        got="it may be read, but not run",
        look_at='.chmod(0o755) on the file, before package(Path("…")) makes the zip',
    )
    with archive.open("bootstrap") as file:
        first = file.readline(200).decode(errors="replace").strip()
    expect_true(
        "python" not in first,
        wanted="a bootstrap that starts on real AWS",
        got=f"its first line is {first}",
        look_at="the first line: provided.al2023 has bash and no Python",
    )


class Probe:
    """A function of the checks' own that runs on the learner's runtime, for as long as the block lasts."""

    def __init__(self, sandbox, handler, files, **settings):
        self.sandbox = sandbox
        self.name = f"probe-{time.monotonic_ns()}"
        self._arn = layer_of(sandbox, PRICE, LAYER)
        self._given = {"Handler": handler, "MemorySize": 512, "Timeout": 10, **settings}
        self._files = files

    def __enter__(self):
        self.sandbox.deploy(
            self.name, self._files, Runtime="provided.al2023", Layers=[self._arn], **self._given
        )
        return self

    def __exit__(self, *_):
        self.sandbox.client("lambda").delete_function(FunctionName=self.name)

    def where(self, look_at):
        """Return what the script says of where it runs: how often it was read, and in which program."""
        answer = Answer(self.sandbox, self.name, "where")
        expect_true(
            not answer.failed and type(answer.value) is dict,
            wanted=f"what the script of the checks prints ({self._given['Handler']})",
            got=answer.shown,
            look_at=answer.blame(look_at),
        )
        return answer.value


def script(function, status=5):
    return SCRIPT.replace("FUNCTION", function).replace("STATUS", str(status))


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {
            "lambda_complains_at_the": str,
            "answers_with_handler_banana": bool,
            "set_ups_for_one_call": int,
        },
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what ends a program, what does not, and what starts it again

    An error that is posted is an answer like any other. A program that ends leaves nobody to answer, so it is started
    again for the next event, set-up and all.
    """
    right = [
        (
            "error_type_of_what_cannot_be_started",
            "Runtime.InvalidEntrypoint",
            "the errorType under 'How a program does not start': all three have the same",
        ),
        ("set_ups_after_the_posted_error", 1, "the first line 'set-ups so far', after the event \"jam\""),
        ("set_ups_after_the_end", 2, "the second line 'set-ups so far', after the event \"end\""),
        ("handler_banana_answered", True, "the answers under 'The loop at work': deploy says Handler banana"),
        ("set_ups_for_the_call_without_paper", 2, "the last line under 'A set-up that fails'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_printer_prints_labels(sandbox):
    """The printer answers one event after the other with its label

    Ask, answer, ask again: that is the whole contract, and a runtime that answers without asking again is worth one
    event.
    """
    code = configuration_of(sandbox, PRINTER) and sandbox.client("lambda").get_function(FunctionName=PRINTER)
    expect_bootstrap(archive_of(code["Code"]["Location"]), f"the zip of {PRINTER}", "the folder work/printer")
    look_at = "gap 2 (the id, each event has its own) and gap 3 (the response)"
    expect_answer(sandbox, PRINTER, *price("jam", 650), look_at)
    before = set_ups(sandbox, PRINTER)
    for sku, cents in [("tea", 1205), ("honey", 7)]:
        expect_answer(sandbox, PRINTER, *price(sku, cents), look_at)
    expect_no_restart(
        sandbox, PRINTER, before, "while call GET invocation/next: after an answer it asks again"
    )


@pytest.mark.points(2)
def test_bad_event_is_an_error_and_no_end(sandbox):
    """An event without a price gets Printer.BadEvent, and the next one its label

    The runtime is well, only the event is not: so it says so and goes on. To end would cost the next customer a new start.
    """
    event, right = price("jam", 650)
    expect_answer(sandbox, PRINTER, event, right, "gap 2 and gap 3, which come first")
    before = set_ups(sandbox, PRINTER)
    for bad in [{"sku": "tea", "cents": "cheap"}, {"cents": 390}]:
        expect_error(sandbox, PRINTER, bad, "Printer.BadEvent", "gap 4: what is posted where")
        expect_answer(sandbox, PRINTER, event, right, "gap 4: the loop goes on after it")
    expect_no_restart(sandbox, PRINTER, before, "gap 4: no exit there")


@pytest.mark.points(2)
@pytest.mark.held
def test_printer_takes_labels_of_every_kind(sandbox, seeded):
    """Names with blanks, stars, percent signs and letters of every country are printed as they are, good and bad mixed"""
    names = ["sea  buckthorn", "jam * tea", "100% juice", "åkerbär", "漿果", "$(date) & co", "-n", "50%d `x`"]
    events = [price(f"{name} {seeded.randrange(100)}", seeded.randint(1, 99_999)) for name in names]
    events += [
        ({"sku": "tea", "price": 390}, None),
        ({"cents": seeded.randint(1, 99)}, None),
        ("label", None),
    ]
    seeded.shuffle(events)
    expect_answer(sandbox, PRINTER, *price("jam", 650), "gap 2 and gap 3, which come first")
    before = set_ups(sandbox, PRINTER)
    for event, right in events:
        if right is None:
            expect_error(sandbox, PRINTER, event, "Printer.BadEvent", "gap 4: every event without a label")
        else:
            look_at = (
                'the quotes: "$body", "$label", or the shell takes a text apart; and the id of each event'
            )
            expect_answer(sandbox, PRINTER, event, right, look_at)
    expect_no_restart(sandbox, PRINTER, before, "the loop: it goes on after every event")


@pytest.mark.points(2)
def test_printer_without_a_name_says_so(sandbox):
    """Without PRINTER the set-up fails, with Printer.NoName

    A program that just ends leaves the caller with Runtime.ExitError and a number. What is wrong, only the program itself
    can say, and init/error is where.
    """
    client = sandbox.client("lambda")
    given = configuration_of(sandbox, PRINTER).get("Environment", {}).get("Variables", {})
    look_at = "gap 1: what is posted where, and then exit 1"
    try:
        configure(client, PRINTER, {key: value for key, value in given.items() if key != "PRINTER"})
        expect_failed_set_up(sandbox, PRINTER, "Printer.NoName", look_at)
        code = client.get_function(FunctionName=PRINTER)["Code"]["Location"]
        expect_end_after_init_error(sandbox, archive_of(code), look_at, Handler="labels.price")
    finally:
        configure(client, PRINTER, {**given, "PRINTER": given.get("PRINTER") or "Gutenberg"})
    event, right = price("jam", 650)
    expect_answer(sandbox, PRINTER, event, right, "gap 1: with a name in PRINTER all is well")


def configure(client, name, variables):
    """Give a function these variables and wait until they hold."""
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    client.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@pytest.mark.points(2)
def test_two_functions_share_one_runtime(sandbox):
    """Both label functions have the same version of the layer cloudberry-shell, and no bootstrap of their own

    Without a bootstrap in the zip Lambda looks in /opt, where the layers are: so a runtime is one more thing that functions
    can share.
    """
    client = sandbox.client("lambda")
    arns = [layer_of(sandbox, name, LAYER) for name in (PRICE, PARCEL)]
    expect_true(
        arns[0] == arns[1],
        wanted=f"one version of {LAYER} for both functions",
        got=arns,
        look_at="Layers: deploy both after the last publish_layer_version",
    )
    layer = archive_of(client.get_layer_version_by_arn(Arn=arns[0])["Content"]["Location"])
    expect_bootstrap(layer, "the layer", 'package(Path("work/shell")): what is in the folder is at the top')
    for name, handler in ((PRICE, "labels.price"), (PARCEL, "labels.parcel")):
        found = client.get_function(FunctionName=name)
        got = [found["Configuration"]["Runtime"], found["Configuration"]["Handler"]]
        expect(got, wanted=["provided.al2023", handler], look_at=f"Runtime and Handler of {name}")
        names = names_in(archive_of(found["Code"]["Location"]))
        expect_true(
            "bootstrap" not in names,
            wanted=f"a zip of {name} without a bootstrap",
            got=names,
            look_at="the folder: work/labels holds labels.sh and nothing else",
        )


@pytest.mark.points(2)
def test_labels_of_both_kinds(sandbox):
    """One runtime prints prices and parcels, and reports the event that is no parcel

    Which function of which script runs is the Handler setting, and the runtime reads it: nothing else differs between the
    two functions.
    """
    look_at = RUNS
    event, right = price("jam", 650)
    expect_answer(sandbox, PRICE, event, right, look_at)
    parcel = {"to": "Ada", "grams": 1200}
    expect_answer(sandbox, PARCEL, parcel, {"label": "To Ada, 1200 g"}, look_at)
    failed = expect_error(sandbox, PARCEL, {"to": "Bo"}, "Shell.Failed", FAILED)
    expect_true(
        "1" in failed.message,
        wanted="an errorMessage that names the number 1, which the function returned",
        got=failed.message or "(none)",
        look_at=FAILED,
    )
    expect_answer(sandbox, PARCEL, parcel, {"label": "To Ada, 1200 g"}, "the loop: it goes on after an error")


@pytest.mark.points(3)
@pytest.mark.held
def test_runtime_runs_any_script(sandbox, seeded):
    """Scripts and functions of any name run, read once an environment, whatever the event holds"""
    layer_of(sandbox, PRICE, LAYER)
    file = f"{seeded.choice(['till', 'scale', 'door'])}{seeded.randrange(100)}"
    function = f"{seeded.choice(['open', 'weigh', 'ring'])}_{seeded.randrange(100)}"
    look_at = RUNS
    with Probe(sandbox, f"{file}.{function}", {f"{file}.sh": script(function)}) as probe:
        first = probe.where(look_at)
        texts = [
            "two  blanks",
            "* ? [a]",
            "100%s \\n",
            "'single' \"double\"",
            "Ådel 漿果",
            "$HOME `id`",
            "x" * 20_000,
        ]
        for text in seeded.sample(texts, k=len(texts)):
            event = {"text": text, "n": seeded.randrange(10**6)}
            expect_answer(sandbox, probe.name, event, event, 'the quotes: "$body" and "$answer"')
        last = probe.where(look_at)
    expect_true(
        last.get("born") == first.get("born") and last.get("read") == 1,
        wanted="a script that is read once an environment, whatever number of events follows",
        got=f"{last.get('read')} times by one program"
        if last.get("born") == first.get("born")
        else "by another program each time",
        look_at='where the script is read (. "$file"): before the loop, in the bootstrap itself',
    )


@pytest.mark.points(3)
def test_runtime_says_what_failed(sandbox, seeded):
    """Shell.NoHandler where there is no such file or function, Shell.Failed with the number, and nothing ends by it

    Whoever writes a script reads what its runtime says of it: a name for each way to fail, and the number that the script
    gave. A runtime that only ends leaves them to guess.
    """
    layer_of(sandbox, PRICE, LAYER)
    status = seeded.randint(2, 99)
    with Probe(sandbox, "door.ring", {"door.sh": script("ring", status)}) as probe:
        probe.where(RUNS)
        before = set_ups(sandbox, probe.name)
        for _ in range(2):
            failed = expect_error(sandbox, probe.name, "fail", "Shell.Failed", FAILED)
            expect_true(
                str(status) in failed.message,
                wanted=f"an errorMessage that names the number {status}, which the function returned",
                got=failed.message or "(none)",
                look_at=FAILED,
            )
            probe.where("the loop: it goes on after an error")
        expect_no_restart(sandbox, probe.name, before, "what follows after invocation/…/error: no exit")
    missing = seeded.choice(["window.ring", "gate.ring"]), seeded.choice(["door.knock", "door.lock"])
    for handler, what in zip(missing, ("file", "function"), strict=True):
        look_at = f"the set-up: there is no {what} for the handler {handler}"
        with Probe(sandbox, handler, {"door.sh": script("ring")}) as probe:
            expect_failed_set_up(sandbox, probe.name, "Shell.NoHandler", look_at)
    layer = sandbox.client("lambda").get_layer_version_by_arn(Arn=layer_of(sandbox, PRICE, LAYER))
    look_at = "the set-up that fails: what is posted where, and then exit 1"
    expect_end_after_init_error(
        sandbox, archive_of(layer["Content"]["Location"]), look_at, Handler="window.ring"
    )


@pytest.mark.points(2)
def test_runtime_hands_the_context_on(sandbox):
    """A script finds the request's id, its deadline and its trace, new ones for each event

    What a context knows of an event came in its headers. Programs in other languages find the trace by the variable's name,
    which is why it has to be exported.
    """
    layer_of(sandbox, PRICE, LAYER)
    seen = []
    with Probe(sandbox, "door.ring", {"door.sh": script("ring")}, Timeout=9) as probe:
        for _ in range(2):
            before = time.time() * 1000
            answer = Answer(sandbox, probe.name, "context")
            after = time.time() * 1000
            expect_true(
                not answer.failed and type(answer.value) is dict,
                wanted="REQUEST_ID, DEADLINE_MS and _X_AMZN_TRACE_ID as the script finds them",
                got=answer.shown,
                look_at=answer.blame(RUNS),
            )
            found = answer.value
            expect_true(
                found["id"] == answer.request_id,
                wanted=f"REQUEST_ID {answer.request_id}",
                got=found["id"] or "(nothing)",
                look_at="the header Lambda-Runtime-Aws-Request-Id, read for each event",
            )
            deadline = int(found["deadline"]) if found["deadline"].isdecimal() else 0
            expect_true(
                before < deadline <= after + 9_000,
                wanted="DEADLINE_MS: milliseconds since 1970, at most 9 s (the timeout) from now",
                got=found["deadline"] or "(nothing)",
                look_at="the header Lambda-Runtime-Deadline-Ms, read for each event",
            )
            expect_true(
                found["trace"].startswith("Root="),
                wanted="_X_AMZN_TRACE_ID Root=…, seen by a program that the script starts",
                got=found["trace"] or "(nothing)",
                look_at="the header Lambda-Runtime-Trace-Id, and export",
            )
            seen.append(found)
    for key, name in (("deadline", "DEADLINE_MS"), ("trace", "_X_AMZN_TRACE_ID")):
        expect_true(
            seen[0][key] != seen[1][key],
            wanted=f"another {name} for each event",
            got=f"{seen[0][key]} twice",
            look_at="where the headers are read: in the loop",
        )
