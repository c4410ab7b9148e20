"""What a topic rule does with a message: starts a function, sends it to a queue or publishes it to a topic of SNS.

Source: AWS IoT Core Developer Guide, "Lambda", "SQS" and "SNS" of the rule actions, read 2026-11. A function is started as its own
policy lets the rule; queues and topics get theirs by the action's role, which is looked at where IAM is enforced.

DIFFERS: rules of AWS IoT have the actions ``lambda``, ``sqs`` and ``sns`` here, the last with the message format RAW. ``republish`` and the
others are refused by name.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lambda_sandbox.triggers.delivery import Delivery

PRINCIPAL = "iot.amazonaws.com"
_FUNCTION = re.compile(r"arn:aws:lambda:[^:]+:\d{12}:function:.+")
_TOPIC = re.compile(r"arn:aws:sns:[^:]+:\d{12}:[^:]+")
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_REGION = re.compile(r"(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of action. ``called`` is its name in the document of an error action; ``resource`` is the member that names
    its target, ``problem(members)`` says what is wrong with one, ``target(members, rule)`` is the target's ARN.
    """

    called: str
    resource: str
    known: frozenset[str]
    problem: Callable[[Mapping[str, Any]], str]
    target: Callable[[Mapping[str, Any], Any], str]


def problem(action: Mapping[str, Any]) -> str:
    """Return why the sandbox does not carry out an action, empty when it does. UNCONFIRMED: the wording."""
    if len(action) != 1 or next(iter(action)) not in KINDS:
        given = ", ".join(action) or "nothing"
        return f"the sandbox's topic rules have the actions {', '.join(KINDS)}, not {given}"
    ((name, members),) = action.items()
    kind = KINDS[name]
    unknown = sorted(
        member for member, value in members.items() if value is not None and member not in kind.known
    )
    return f"the action {name} has no {unknown[0]} here: leave it out" if unknown else kind.problem(members)


def delivery(action: Mapping[str, Any], rule: Any, payload: str) -> Delivery:
    """Return ``payload`` on its way to an action's target."""
    ((name, members),) = action.items()
    if members.get("useBase64"):
        payload = base64.b64encode(payload.encode()).decode()
    return Delivery(
        KINDS[name].target(members, rule),
        payload,
        PRINCIPAL,
        source_arn=rule.arn,
        source_account=rule.account_id,
        role_arn=members.get("roleArn") or "",
    )


def missing(target_arn: str) -> str:
    """Return why nothing can be sent to a queue or topic, empty where it is there; read inside moto's process."""
    _, _, service, region, account_id, name = target_arn.split(":", 5)
    models: Any = sys.modules.get(f"moto.{service}.models")
    if service == "sqs":
        there = models is not None and name in models.sqs_backends[account_id][region].queues
        return "" if there else "The specified queue does not exist."
    there = models is not None and target_arn in models.sns_backends[account_id][region].topics
    return "" if there else "Topic does not exist"


def _of_function(members: Mapping[str, Any]) -> str:
    arn = str(members.get("functionArn"))
    return "" if _FUNCTION.fullmatch(arn) else f"functionArn takes the ARN of a function, not {arn}"


def _of_queue(members: Mapping[str, Any]) -> str:
    url = str(members.get("queueUrl"))
    parts = urlsplit(url).path.strip("/").split("/")
    if len(parts) != 2 or re.fullmatch(r"\d{12}", parts[0]) is None:
        return f"queueUrl takes the URL of a queue, not {url}"
    if url.endswith(".fifo"):
        return "the action sqs takes no FIFO queue"
    return _of_role(members)


def _of_topic(members: Mapping[str, Any]) -> str:
    arn = str(members.get("targetArn"))
    if _TOPIC.fullmatch(arn) is None:
        return f"targetArn takes the ARN of a topic, not {arn}"
    if arn.endswith(".fifo"):
        return "the action sns takes no FIFO topic"
    if members.get("messageFormat") not in (None, "RAW"):
        return "the sandbox's action sns has the messageFormat RAW only"
    return _of_role(members)


def _of_role(members: Mapping[str, Any]) -> str:
    arn = str(members.get("roleArn"))
    return "" if _ROLE.fullmatch(arn) else f"roleArn takes the ARN of a role, not {arn}"


def _queue_arn(members: Mapping[str, Any], rule: Any) -> str:
    """The URL's host names a Region on AWS; the sandbox's own URLs name none, and mean the rule's."""
    url = urlsplit(str(members["queueUrl"]))
    account_id, name = url.path.strip("/").split("/")
    found = _REGION.match(url.hostname or "")
    return f"arn:aws:sqs:{found[1] if found else rule.region_name}:{account_id}:{name}"


KINDS: dict[str, Kind] = {
    "lambda": Kind(
        "LambdaAction",
        "functionArn",
        frozenset({"functionArn"}),
        _of_function,
        lambda members, rule: str(members["functionArn"]),
    ),
    "sqs": Kind(
        "SqsAction", "queueUrl", frozenset({"queueUrl", "roleArn", "useBase64"}), _of_queue, _queue_arn
    ),
    "sns": Kind(
        "SnsAction",
        "targetArn",
        frozenset({"messageFormat", "roleArn", "targetArn"}),
        _of_topic,
        lambda members, rule: str(members["targetArn"]),
    ),
}
