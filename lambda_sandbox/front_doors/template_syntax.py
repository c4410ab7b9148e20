"""The part of the Velocity Template Language that mapping templates here may use, read into a tree.

References with properties, methods and indexes; ``#set``, ``#if`` / ``#elseif`` / ``#else``, ``#foreach``, comments. Every
other directive is refused by name.
"""

from __future__ import annotations

import re
from typing import Any

from lambda_sandbox.front_doors.template_nodes import (
    Foreach,
    If,
    Literal,
    Many,
    Mapping,
    Operation,
    Quoted,
    Reference,
    Set,
    Step,
    Text,
)


class TemplateFault(ValueError):
    """A template that cannot be read or rendered; the text says what and why."""


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"-?\d+(?:\.(?!\.)\d+)?")
_DIRECTIVE = re.compile(r"#\{?([a-z]+)\}?")
_KNOWN = {"set", "if", "elseif", "else", "foreach", "end"}
_REFUSED = {"macro", "include", "parse", "evaluate", "define", "break", "stop"}
_LEVELS = (
    ("||", "or"),
    ("&&", "and"),
    ("==", "!=", "eq", "ne"),
    ("<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/", "%"),
)


def parse(text: str) -> list[Any]:
    """Return the template's nodes. Raises ``TemplateFault``."""
    nodes, ended = _Parser(text).block()
    if ended:
        raise TemplateFault(f"#{ended} without its beginning")
    return nodes


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    # --- the template --------------------------------------------------------------------------------

    def block(self) -> tuple[list[Any], str]:
        """Return the nodes up to ``#end``, ``#else`` or ``#elseif`` (whose name comes second), or to the end."""
        nodes: list[Any] = []
        while self._at < len(self._text):
            if self._text.startswith("##", self._at):
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end + 1
            elif self._text.startswith("#*", self._at):
                end = self._text.find("*#", self._at)
                if end < 0:
                    raise TemplateFault("a comment #* has no *#")
                self._at = end + 2
            elif self._text[self._at] == "#" and (name := self._directive()):
                if name in ("end", "else", "elseif"):
                    return nodes, name
                nodes.append(self._statement(name))
            elif self._text[self._at] == "$":
                nodes.append(self._reference() or Text(self._take(1)))
            else:
                nodes.append(Text(self._plain()))
        return nodes, ""

    def _directive(self) -> str:
        found = _DIRECTIVE.match(self._text, self._at)
        if found is None or found[1] not in _KNOWN | _REFUSED:
            return ""
        if found[1] in _REFUSED:
            raise TemplateFault(f"the directive #{found[1]} is not emulated")
        self._at = found.end()
        return found[1]

    def _plain(self) -> str:
        start = self._at
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] not in "#$":
            self._at += 1
        return self._text[start : self._at]

    def _statement(self, name: str) -> Any:
        if name == "set":
            self._expect("(")
            target = self._reference()
            if target is None:
                raise TemplateFault("#set needs a reference to set")
            self._expect("=")
            value = self._expression()
            self._expect(")")
            self._skip_line_end()
            return Set(target, value)
        return self._if() if name == "if" else self._foreach()

    def _if(self) -> If:
        made = If()
        ended = "if"
        while ended != "end":
            condition: Any = Literal(True)
            if ended != "else":
                self._expect("(")
                condition = self._expression()
                self._expect(")")
            body, ended = self.block()
            if not ended:
                raise TemplateFault("#if has no #end")
            made.branches.append((condition, body))
        return made

    def _foreach(self) -> Foreach:
        self._expect("(")
        variable = self._reference()
        self._space()
        if variable is None or not self._text.startswith("in", self._at):
            raise TemplateFault("#foreach reads as #foreach($one in $many)")
        self._at += 2
        made = Foreach(variable.name, self._expression())
        self._expect(")")
        made.body, ended = self.block()
        if ended != "end":
            raise TemplateFault("#foreach has no #end")
        return made

    # --- references ----------------------------------------------------------------------------------

    def _reference(self) -> Reference | None:
        self._space_before_reference()
        start = self._at
        at = start + 1
        quiet = self._text.startswith("!", at)
        at += quiet
        braced = self._text.startswith("{", at)
        at += braced
        found = _NAME.match(self._text, at)
        if not self._text.startswith("$", start) or found is None:
            return None
        self._at = found.end()
        steps = self._steps()
        if braced:
            self._expect("}", spaced=False)
        return Reference(found[0], tuple(steps), self._text[start : self._at], quiet)

    def _space_before_reference(self) -> None:
        if not self._text.startswith("$", self._at):
            self._space()

    def _steps(self) -> list[Step]:
        steps = []
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                self._at += 1
                index = self._expression()
                self._expect("]")
                steps.append(Step("", (index,)))
                continue
            found = _NAME.match(self._text, self._at + 1) if self._text[self._at] == "." else None
            if found is None:
                break
            self._at = found.end()
            if self._text.startswith("(", self._at):
                self._at += 1
                steps.append(Step(found[0], tuple(self._list(")"))))
            else:
                steps.append(Step(found[0], None))
        return steps

    # --- expressions ---------------------------------------------------------------------------------

    def _expression(self, level: int = 0) -> Any:
        if level == len(_LEVELS):
            return self._unary()
        left = self._expression(level + 1)
        while sign := self._sign(_LEVELS[level]):
            left = Operation(sign, left, self._expression(level + 1))
        return left

    def _sign(self, signs: tuple[str, ...]) -> str:
        self._space()
        for sign in signs:
            if self._text.startswith(sign, self._at):
                after = self._text[self._at + len(sign) : self._at + len(sign) + 1]
                if sign.isalpha() and (after.isalnum() or after == "_"):
                    continue
                self._at += len(sign)
                return {"or": "||", "and": "&&", "eq": "==", "ne": "!="}.get(sign, sign)
        return ""

    def _unary(self) -> Any:
        self._space()
        if self._text.startswith("!", self._at):
            self._at += 1
            return Operation("!", self._unary())
        if self._text.startswith("(", self._at):
            self._at += 1
            inner = self._expression()
            self._expect(")")
            return inner
        return self._value()

    def _value(self) -> Any:
        first = self._text[self._at : self._at + 1]
        if first in ("'", '"') and first:
            return self._string(first)
        if first == "[":
            return self._many()
        if first == "{":
            return self._mapping()
        if first == "$":
            reference = self._reference()
            if reference is not None:
                return reference
        number = _NUMBER.match(self._text, self._at)
        if number is not None:
            self._at = number.end()
            return Literal(float(number[0]) if "." in number[0] else int(number[0]))
        word = _NAME.match(self._text, self._at)
        if word is not None and word[0] in ("true", "false", "null"):
            self._at = word.end()
            return Literal({"true": True, "false": False, "null": None}[word[0]])
        raise TemplateFault(f"cannot read {self._text[self._at : self._at + 20]!r}")

    def _string(self, quote: str) -> Any:
        end = self._text.find(quote, self._at + 1)
        while end >= 0 and quote == '"' and self._text[end - 1] == "\\":
            end = self._text.find(quote, end + 1)
        if end < 0:
            raise TemplateFault("a text has no closing quote")
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        return Literal(inner) if quote == "'" else Quoted(tuple(parse(inner.replace('\\"', '"'))))

    def _many(self) -> Many:
        self._at += 1
        self._space()
        if self._text.startswith("]", self._at):
            self._at += 1
            return Many(())
        first = self._expression()
        self._space()
        if self._text.startswith("..", self._at):
            self._at += 2
            last = self._expression()
            self._expect("]")
            return Many((first, last), ranged=True)
        rest = []
        while self._comma():
            rest.append(self._expression())
        self._expect("]")
        return Many((first, *rest))

    def _mapping(self) -> Mapping:
        self._at += 1
        pairs: list[tuple[Any, Any]] = []
        self._space()
        while not self._text.startswith("}", self._at):
            key = self._expression()
            self._expect(":")
            pairs.append((key, self._expression()))
            if not self._comma():
                break
        self._expect("}")
        return Mapping(tuple(pairs))

    def _list(self, closing: str) -> list[Any]:
        items: list[Any] = []
        self._space()
        while not self._text.startswith(closing, self._at):
            items.append(self._expression())
            if not self._comma():
                break
        self._expect(closing)
        return items

    # --- characters ----------------------------------------------------------------------------------

    def _comma(self) -> bool:
        self._space()
        if self._text.startswith(",", self._at):
            self._at += 1
            return True
        return False

    def _take(self, count: int) -> str:
        taken = self._text[self._at : self._at + count]
        self._at += count
        return taken

    def _space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _skip_line_end(self) -> None:
        """Velocity: a line that only sets something leaves no empty line behind."""
        if self._text.startswith("\n", self._at):
            self._at += 1

    def _expect(self, sign: str, *, spaced: bool = True) -> None:
        if spaced:
            self._space()
        if not self._text.startswith(sign, self._at):
            raise TemplateFault(f"expected {sign!r} before {self._text[self._at : self._at + 20]!r}")
        self._at += len(sign)
