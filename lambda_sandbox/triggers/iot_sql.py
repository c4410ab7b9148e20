"""AWS IoT SQL, version 2016-03-23, as far as the sandbox has it: which messages a rule takes, and what it makes of them. Pure.

``SELECT`` of ``*``, fields, nested fields, ``AS``, ``VALUE``, operators and functions; ``FROM`` a topic filter; ``WHERE``.
No ``CASE``, no nested ``SELECT``, no ``SET``: refused by name. Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference",
read 2026-11.

POLICY: what an IoT rule selects without ``AS`` is called by the last part of its path (``sensor.id`` is ``id``), and an expression by
its own text. Give expressions a name.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from lambda_sandbox.triggers import iot_topics
from lambda_sandbox.triggers.iot_expressions import Expression, Parser, evaluated
from lambda_sandbox.triggers.iot_functions import UNDEFINED, Message

VERSION = "2016-03-23"


@dataclass(frozen=True, slots=True)
class Statement:
    """One rule's SQL, compiled. ``value`` is what SELECT VALUE names, in place of ``items``."""

    topic_filter: str
    everything: bool
    items: dict[str, Expression]
    value: Expression | None
    where: Expression | None

    def takes(self, topic: str) -> bool:
        return iot_topics.matches(self.topic_filter, topic)

    def result(self, message: Message) -> Any:
        """Return what goes to the rule's actions; ``UNDEFINED`` where WHERE is not met or there is nothing to send."""
        message = replace(message, document=_parsed(message.payload))
        if self.where is not None and self.where(message) not in (True, "true"):
            return UNDEFINED
        if self.value is not None:
            return self.value(message)
        chosen = evaluated(self.items, message)
        if not self.everything:
            return chosen
        if isinstance(message.document, dict):
            return message.document | chosen
        if chosen:  # AWS: a payload that is no object has no place for further fields
            return chosen
        if message.document is UNDEFINED:
            return base64.b64encode(message.payload).decode()
        return message.document


def parse(sql: str) -> Statement:
    """Read a rule's SQL. Raises ``ValueError`` that says what is wrong."""
    if re.match(r"\s*set\b", sql, re.IGNORECASE):
        raise ValueError("the sandbox's AWS IoT SQL has no SET")
    parser = Parser(sql)
    parser.expect("select")
    value: Expression | None = None
    everything, items = False, dict[str, Expression]()
    if _selects_value(parser):
        if parser.accept("*"):
            everything = True
        else:
            value = parser.expression()
    else:
        everything, items = _items(parser)
    topic_filter = _source(parser)
    where = parser.expression() if parser.accept("where") else None
    if parser.peek().kind != "end":
        raise ValueError(f"{parser.peek().text} was not expected there")
    return Statement(topic_filter, everything, items, value, where)


def _selects_value(parser: Parser) -> bool:
    """``SELECT value FROM`` names a field, ``SELECT VALUE colour FROM`` is the keyword."""
    behind = re.match(r"value\s+(?!from\b|as\b)[^\s,.]", parser.sql[parser.place :], re.IGNORECASE)
    return behind is not None and parser.accept("value")


def _items(parser: Parser) -> tuple[bool, dict[str, Expression]]:
    everything = False
    items: dict[str, Expression] = {}
    while True:
        if parser.accept("*"):
            everything = True
        else:
            begin = parser.place
            expression = parser.expression()
            text = parser.sql[begin : parser.place].strip()
            name = parser.name() if parser.accept("as") else _name_of(text)
            items[name] = expression
        if not parser.accept(","):
            return everything, items


def _name_of(text: str) -> str:
    path = re.fullmatch(r'(?:[\w]+|"[^"]+"|`[^`]+`)(?:\.(?:[\w]+|"[^"]+"|`[^`]+`))*', text)
    return re.split(r"\.(?=[^.]*$)", text)[-1].strip('"`') if path else text


def _source(parser: Parser) -> str:
    parser.expect("from")
    token = parser.take()
    if token.kind not in ("text", "quoted"):
        raise ValueError(f"FROM takes a topic filter in single quotes, not {token.text}")
    topic_filter = token.text[1:-1]
    iot_topics.check_filter(topic_filter)
    return topic_filter


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return UNDEFINED
