"""What the checks of many labs ask for: a function that is there and answers, a guess, an observation, a state to come.

A submission's values are data here: nothing that a learner wrote is run in this process, and only exact types count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from autograder.checks import CheckFailed, expect_true, shown, wanted
from autograder.sandbox import Invocation, Sandbox
from autograder.text import visible

_BETWEEN_LOOKS_S = 0.1
_BETWEEN_DOUBTS_S = 0.5  # a history may be long, so it is not read at every look
_GUESSES = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "True or False"}
_MESSAGE_CHARACTERS = 160
_KINDS: dict[type, str] = {**_GUESSES, list: "a list", dict: "a dictionary"}


def until(
    condition: Callable[[], object], timeout_s: float = 15.0, unless: Callable[[], object] | None = None
) -> bool:
    """Return whether ``condition()`` became true within ``timeout_s`` seconds; it is asked ten times a second.

    ``unless()`` is asked twice a second: it fails the check by raising CheckFailed where waiting is in vain. The condition has
    the last word, so what comes true in that very moment is not missed.
    """
    now = time.monotonic()
    end, next_doubt = now + timeout_s, now
    while not condition():
        if time.monotonic() > end:
            return False
        if unless is not None and time.monotonic() >= next_doubt:
            try:
                unless()
            except CheckFailed:
                if condition():
                    return True
                raise
            next_doubt = time.monotonic() + _BETWEEN_DOUBTS_S
        time.sleep(_BETWEEN_LOOKS_S)
    return True


def losses(sandbox: Sandbox, name: str, look_at: str, source: str = "") -> Callable[[], None]:
    """Return an ``unless`` for ``until``: it fails the check once an event for a function is lost, from now on.

    Lost is an event that its service may not deliver or gave up delivering, and one that the function failed at for good.
    With ``source``, an ARN, what other topics, buckets and rules may not deliver does not count.
    """
    past = sandbox.history()
    known = {row["request_id"] for row in past["invocations"]}
    told = len(past["deliveries"])

    def look() -> None:
        history = sandbox.history()
        for row in history["deliveries"][told:]:
            arrived, _, problem = row["why"].partition(f":function:{name} failed ")
            if arrived.startswith("event of ") and source in arrived and problem:
                wanted(f"an event that reaches {name}", f"it was refused: {problem}", look_at)
        for row in history["invocations"]:
            if row["function_name"] == name and row["request_id"] not in known and _given_up(row):
                got = f"{error_of(sandbox, row)} (run {row['attempt']}, the last)"
                wanted(f"a run of {name} without an error", got, f"sandbox.logs('{name}'); and at {look_at}")

    return look


def error_of(sandbox: Sandbox, row: Mapping[str, Any]) -> str:
    """Return with what a run of history's ended: the error's type, and its message as its function's log has it, shortened.

    Where several runs ended with errors of that type, the message is the last one's.
    """
    kind = str(row["error_type"] or row["status"])
    found = [text for line in sandbox.log_lines(row["function_name"]) if (text := _message_of(line, kind))]
    if not found:
        return kind
    text = visible(found[-1])
    return f"{kind}: {text if len(text) <= _MESSAGE_CHARACTERS else text[:_MESSAGE_CHARACTERS] + '…'}"


def _message_of(line: str, kind: str) -> str:
    """Return the message of an error of that type in an entry that AWS's runtime for Python wrote; empty if it is none."""
    head = f"[ERROR] {kind}: "
    if line.startswith(head):
        return line.removeprefix(head).partition("\rTraceback ")[0].strip()
    for entry in json_lines(line):
        if entry.get("errorType") == kind:
            return str(entry.get("errorMessage", ""))
    return ""


def _given_up(row: Mapping[str, Any]) -> bool:
    """Whether history says of a run that its asynchronous event is not tried again."""
    return row["invocation_type"] == "Event" and str(row["why"]).endswith("is dropped")


def expect_guesses(guesses: Mapping[str, object], kinds: Mapping[str, type]) -> None:
    """Pass if each guess is of its kind: ``int``, ``float`` (which a whole number is, too), ``str`` or ``bool``.

    ``guesses`` is ``submission.literal(…)`` of the cell under *Predict*. Raises CheckFailed at the first that is not.
    """
    for name, kind in kinds.items():
        expect_true(
            type(guesses[name]) in ((int, float) if kind is float else (kind,)),
            wanted=f"a guess for {name}: {_GUESSES[kind]}",
            got=shown(guesses[name]),
            look_at="the cell under Predict: replace each ... (any guess counts)",
        )


def expect_observed(seen: Mapping[str, object], right: Iterable[tuple[str, object, str]]) -> None:
    """Pass if each name in ``seen`` has the right value and its type; the third of each row says where to look.

    The right value is never shown, only its kind where that is what is wrong: the number 3 and the text "3" look alike.
    Raises CheckFailed at the first that is wrong.
    """
    for name, value, look_at in right:
        alike = type(seen[name]) is type(value)
        kind = "" if alike else f": {_KINDS.get(type(value), type(value).__name__)}"
        expect_true(
            alike and seen[name] == value,
            wanted=f"the right {name}{kind}",
            got=shown(seen[name]),
            look_at=look_at,
        )


def require_function(sandbox: Sandbox, name: str, look_at: str = "") -> None:
    """Pass if there is a function of that name; raises CheckFailed otherwise."""
    expect_true(
        sandbox.has_function(name),
        wanted=f"a function {name}",
        got="there is none",
        look_at=look_at or f"the cell that deploys {name}, and the spelling of the name",
    )


def configuration_of(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Return a function's configuration; raises CheckFailed if there is no such function."""
    require_function(sandbox, name)
    found: dict[str, Any] = sandbox.client("lambda").get_function_configuration(FunctionName=name)
    return found


def require_destination(sandbox: Sandbox, name: str, condition: str, queue: str, look_at: str) -> None:
    """Pass if a function's ``condition`` (``OnSuccess`` or ``OnFailure``) is told to that queue; raises CheckFailed otherwise."""
    require_function(sandbox, name)
    try:
        found = sandbox.client("lambda").get_function_event_invoke_config(FunctionName=name)
    except ClientError:
        found = {}
    arn: str = found.get("DestinationConfig", {}).get(condition, {}).get("Destination", "none")
    expect_true(
        arn.split(":")[-1] == queue,
        wanted=f"the queue {queue} as the destination of {name}: {condition}",
        got=f"the destination is {arn}",
        look_at=look_at,
    )


def layer_of(sandbox: Sandbox, name: str, layer: str) -> str:
    """Return the ARN of the version of ``layer`` that a function has; raises CheckFailed if it has none."""
    arns: list[str] = [each["Arn"] for each in configuration_of(sandbox, name).get("Layers", [])]
    found = [arn for arn in arns if arn.split(":")[6] == layer]
    expect_true(
        len(found) == 1,
        wanted=f"a version of the layer {layer} among the layers of {name}",
        got=arns,
        look_at="Layers, in the call that configures or deploys the function",
    )
    return found[0]


def call(sandbox: Sandbox, name: str, event: object, look_at: str = "") -> Invocation:
    """Invoke a function with ``event`` as JSON; raises CheckFailed if there is no such function or it fails."""
    require_function(sandbox, name)
    result = sandbox.invoke(name, event)
    expect_true(
        result.function_error is None,
        wanted=f"an answer to the event {shown(event)}",
        got=result.payload,
        look_at="the errorType and the errorMessage" + (f"; and at {look_at}" if look_at else ""),
    )
    return result


def answer_of(sandbox: Sandbox, name: str, event: object, look_at: str = "") -> Any:
    """Return what a function answers, read as JSON; raises CheckFailed as ``call`` does."""
    return call(sandbox, name, event, look_at).payload


def in_place_of(files: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return a package's files with the checks' ``own`` modules, path to text, in place of the learner's of those names.

    A folder of such a name goes as well: Python takes the package for the module.
    """
    names = {path.removesuffix(".py") for path in own}
    kept = {path: text for path, text in files.items() if PurePosixPath(path).parts[0] not in names}
    return {**kept, **own}


def json_lines(log: str) -> list[dict[str, Any]]:
    """Return the lines of a log that are JSON objects, in their order."""
    found = []
    for text in log.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if type(line) is dict:
            found.append(line)
    return found


def mapping_of(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Return the event source mapping to a function; raises CheckFailed unless there is just one."""
    found = sandbox.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    own: list[dict[str, Any]] = [each for each in found if each["FunctionArn"].split(":")[6] == name]
    expect_true(
        len(own) == 1,
        wanted=f"one event source mapping to {name}",
        got=f"{len(own)} of them",
        look_at="the cell that connects the source to the function, or create_event_source_mapping",
    )
    return own[0]


def queue_url(sandbox: Sandbox, name: str) -> str:
    """Return a queue's URL; raises CheckFailed if there is no such queue."""
    try:
        url: str = sandbox.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    except ClientError:
        wanted(f"a queue {name}", "there is none", "the cell that makes the queues")
    return url


def table_items(sandbox: Sandbox, table: str) -> list[dict[str, str]]:
    """Return a table's items, each value as the text that DynamoDB sends; raises CheckFailed if there is no such table."""
    try:
        found = sandbox.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    except ClientError:
        wanted(f"a table {table}", "there is none", "the cell with make_table")
    return [_plain(item) for item in found]


def table_item(sandbox: Sandbox, table: str, **key: str) -> dict[str, str] | None:
    """Return the item with this key of texts, values as in ``table_items``, or None; raises CheckFailed without the table."""
    typed = {name: {"S": value} for name, value in key.items()}
    try:
        found = sandbox.client("dynamodb").get_item(TableName=table, Key=typed, ConsistentRead=True)
    except ClientError:
        wanted(f"a table {table}", "there is none", "the cell with make_table")
    return _plain(found["Item"]) if "Item" in found else None


def put_item(sandbox: Sandbox, table: str, **values: str | int) -> None:
    """Put an item: whole numbers become numbers, all else texts; raises CheckFailed if there is no such table."""
    typed = {name: {"N": str(v)} if type(v) is int else {"S": v} for name, v in values.items()}
    try:
        sandbox.client("dynamodb").put_item(TableName=table, Item=typed)
    except ClientError:
        wanted(f"a table {table}", "there is none", "the cell with make_table")


def _plain(item: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in item.items()}
