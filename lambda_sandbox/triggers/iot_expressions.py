"""Expressions of AWS IoT SQL, read from tokens into something that a message can be put into. Pure.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL operators", "Data types" and "Literals", read 2026-11.
"""

from __future__ import annotations

import base64
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lambda_sandbox.triggers.iot_functions import FUNCTIONS, UNDEFINED, Message, as_number, as_text

Expression = Callable[[Message], Any]
_MAX_DEPTH = 64
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"[^"]+"|`[^`]+`)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark><>|!=|<=|>=|[-+*/%=<>(),.\[\]{}:]))""",
    re.VERBOSE,
)
_RESERVED = frozenset({"select", "value", "from", "where", "as", "and", "or", "not", "in", "case", "exists"})
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a statement. Raises ``ValueError`` at what is none."""
    at, end = 0, len(sql.rstrip())
    while at < end:
        found = _TOKEN.match(sql, at)
        if found is None:
            raise ValueError(f"{sql[at:].strip()[:30]} cannot be read")
        kind = found.lastgroup
        assert kind is not None
        yield Token(kind, found[kind], found.start(kind), found.end())
        at = found.end()


class Parser:
    """Reads one statement from left to right. Every method raises ``ValueError`` that says what is wrong."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = list(tokens(sql))
        self._at = 0
        self._depth = 0

    # --- tokens --------------------------------------------------------------------------------------

    @property
    def place(self) -> int:
        """Where in the text the next token begins."""
        return self._tokens[self._at].start if self._at < len(self._tokens) else len(self.sql)

    def peek(self) -> Token:
        return (
            self._tokens[self._at]
            if self._at < len(self._tokens)
            else Token("end", "", self.place, self.place)
        )

    def take(self) -> Token:
        token = self.peek()
        if token.kind == "end":
            raise ValueError("it ends too early")
        self._at += 1
        return token

    def accept(self, text: str) -> bool:
        """Take the next token if it is this keyword or mark."""
        token = self.peek()
        if token.kind in ("word", "mark") and token.text.lower() == text:
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise ValueError(f"{text.upper()} was expected before {self.peek().text or 'the end'}")

    def name(self) -> str:
        """Take a name that is no keyword, or any in double quotes or backticks."""
        token = self.take()
        if token.kind == "quoted":
            return token.text[1:-1]
        if token.kind != "word" or token.text.lower() in _RESERVED:
            raise ValueError(f"{token.text} is not a name")
        return token.text

    # --- expressions, from what binds least ----------------------------------------------------------

    def expression(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
        left = self._and()
        while self.accept("or"):
            left = _logical(left, self._and(), decides=True)
        self._depth -= 1
        return left

    def _and(self) -> Expression:
        left = self._not()
        while self.accept("and"):
            left = _logical(left, self._not(), decides=False)
        return left

    def _not(self) -> Expression:
        if self.accept("not"):
            inner = self._not()
            return lambda message: _negated(_truth(inner(message)))
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        token = self.peek()
        if token.text in ("=", "<>", "!=", "<", "<=", ">", ">="):
            if token.text == "!=":
                raise ValueError("!= is no operator of AWS IoT SQL: write <>")
            self.take()
            return _compared(token.text, left, self._sum())
        if self.accept("in"):
            return _member(left, self._sum())
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while self.peek().text in ("+", "-") and self.peek().kind == "mark":
            left = _calculated(self.take().text, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self.peek().text in ("*", "/", "%") and self.peek().kind == "mark":
            left = _calculated(self.take().text, left, self._signed())
        return left

    def _signed(self) -> Expression:
        if self.accept("-"):
            inner = self._signed()
            return _calculated("-", lambda message: 0, inner)
        return self._path()

    def _path(self) -> Expression:
        value = self._primary()
        while self.accept("."):
            value = _field(value, self.name())
        if self.peek().text == "[":
            raise ValueError("an element of an array is get(array, index) in AWS IoT SQL")
        return value

    def _primary(self) -> Expression:
        token = self.peek()
        if token.kind == "number":
            self.take()
            number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            return lambda message: number
        if token.kind == "text":
            self.take()
            text = token.text[1:-1].replace("''", "'")
            return lambda message: text
        if self.accept("("):
            return self._closed()
        if self.accept("["):
            return self._array()
        if self.accept("{"):
            return self._object()
        if token.kind == "word" and token.text.lower() in ("case", "exists", "select"):
            raise ValueError(f"the sandbox's AWS IoT SQL has no {token.text.upper()}")
        return self._name_or_call()

    def _closed(self) -> Expression:
        if self.peek().text.lower() == "select":
            raise ValueError("the sandbox's AWS IoT SQL has no nested SELECT")
        inner = self.expression()
        self.expect(")")
        return inner

    def _array(self) -> Expression:
        items: list[Expression] = []
        while not self.accept("]"):
            if items:
                self.expect(",")
            items.append(self.expression())
        return lambda message: [value for item in items if (value := item(message)) is not UNDEFINED]

    def _object(self) -> Expression:
        members: dict[str, Expression] = {}
        while not self.accept("}"):
            if members:
                self.expect(",")
            key = self.take()
            if key.kind != "text":
                raise ValueError(f"a key of an object is a text in single quotes, not {key.text}")
            self.expect(":")
            members[key.text[1:-1]] = self.expression()
        return lambda message: evaluated(members, message)

    def _name_or_call(self) -> Expression:
        quoted = self.peek().kind == "quoted"
        name = self.name()
        word = name.lower()
        if not quoted and self.accept("("):
            return self._call(word)
        if not quoted and word in ("true", "false", "null", "undefined"):
            constant = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}[word]
            return lambda message: constant
        return _field(lambda message: message.document, name)

    def _call(self, name: str) -> Expression:
        if name not in FUNCTIONS:
            raise ValueError(f"the sandbox's AWS IoT SQL has no function {name}")
        if name == "encode" and self.accept("*"):
            return self._encoded_payload()
        arguments: list[Expression] = []
        while not self.accept(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.expression())
        fewest, most, function = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            raise ValueError(f"{name} does not take {len(arguments)} arguments")
        return lambda message: function(message, *[argument(message) for argument in arguments])

    def _encoded_payload(self) -> Expression:
        """``encode(*, 'base64')``: the message as it came, whatever it is."""
        self.expect(",")
        if self.take().text != "'base64'":
            raise ValueError("encode takes the scheme 'base64'")
        self.expect(")")
        return lambda message: base64.b64encode(message.payload).decode()


def evaluated(members: dict[str, Expression], message: Message) -> dict[str, Any]:
    """Return the members' values; a field that is not there is left out."""
    found = {name: expression(message) for name, expression in members.items()}
    return {name: value for name, value in found.items() if value is not UNDEFINED}


def _field(value: Expression, name: str) -> Expression:
    def find(message: Message) -> Any:
        found = value(message)
        return found.get(name, UNDEFINED) if isinstance(found, dict) else UNDEFINED

    return find


def _truth(value: Any) -> Any:
    """Return a Boolean, from the texts true and false as well, or ``UNDEFINED``."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), UNDEFINED)
    return value if isinstance(value, bool) else UNDEFINED


def _negated(value: Any) -> Any:
    return UNDEFINED if value is UNDEFINED else not value


def _logical(left: Expression, right: Expression, *, decides: bool) -> Expression:
    def test(message: Message) -> Any:
        values = [_truth(left(message)), _truth(right(message))]
        if decides in values:  # one of them is enough, whatever the other is
            return decides
        return UNDEFINED if UNDEFINED in values else not decides

    return test


def _compared(sign: str, left: Expression, right: Expression) -> Expression:
    def test(message: Message) -> Any:
        one, other = left(message), right(message)
        if one is UNDEFINED or other is UNDEFINED:
            return UNDEFINED
        if sign in ("=", "<>"):
            return _same(one, other) is (sign == "=")
        numbers = as_number(one), as_number(other)
        if UNDEFINED not in numbers:
            return _ORDER[sign](*numbers)
        if isinstance(one, str) and isinstance(other, str):
            return _ORDER[sign](one, other)
        return UNDEFINED

    return test


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) != isinstance(other, str):  # 5 = '5', as comparisons convert
        numbers = as_number(one), as_number(other)
        return UNDEFINED not in numbers and numbers[0] == numbers[1]
    return bool(one == other)


def _member(left: Expression, right: Expression) -> Expression:
    def test(message: Message) -> Any:
        value, among = left(message), right(message)
        if value is UNDEFINED or not isinstance(among, list):
            return UNDEFINED
        return any(_same(value, each) for each in among)

    return test


def _calculated(sign: str, left: Expression, right: Expression) -> Expression:
    def work(message: Message) -> Any:
        one, other = left(message), right(message)
        if sign == "+" and (isinstance(one, str) or isinstance(other, str)):
            texts = as_text(one), as_text(other)
            return UNDEFINED if UNDEFINED in texts else f"{texts[0]}{texts[1]}"
        return _arithmetic(sign, as_number(one), as_number(other))

    return work


def _arithmetic(sign: str, one: Any, other: Any) -> Any:
    if one is UNDEFINED or other is UNDEFINED or (sign in "/%" and other == 0):
        return UNDEFINED
    if sign == "/":
        whole = isinstance(one, int) and isinstance(other, int)
        return math.trunc(one / other) if whole else one / other
    if sign == "%":
        found = math.fmod(one, other)
        return int(found) if isinstance(one, int) and isinstance(other, int) else found
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](one, other)
