"""Which submissions are nearly the same: pairs for a person to look at, never a verdict."""

from __future__ import annotations

import bisect
import builtins
import io
import keyword
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process

LIKE = 90.0  # POLICY: percent of equal words, beside the lab's own text, from which a pair is shown
MOST_COMPARED = 2_000  # POLICY: the comparisons grow with the square of it; some minutes
MOST_CHARACTERS = 100_000  # POLICY: of one submission's answers, some twenty times what a lab asks for
_ROWS = 250
_FIRST_CHARACTER = 0xE000  # behind the surrogates; a million words fit
LEAST_CHARACTERS = 120  # below it two honest answers are easily the same
LEAST_WORDS_RENAMED = 150  # POLICY: below it two honest answers may differ in nothing but names
_KEPT = {*keyword.kwlist, *dir(builtins)}
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two keys and how alike their answers are, in percent; ``renamed`` ones are the same with other names in them."""

    first: str
    second: str
    likeness: float
    renamed: bool = False


def normalised(source: str) -> str:
    """Return a program without comments, layout and the choice of quotes; what is no Python, without blanks.

    >>> normalised("x = 'a'  # first")
    'x = "a"'
    """
    words: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in _LAYOUT:
                text = token.string
                words.append(text.replace("'", '"') if token.type == tokenize.STRING else text)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return " ".join(source.split())
    return " ".join(words)


def near_identical(answers: Mapping[str, str], starter: str) -> list[Pair]:
    """Return pairs of keys whose answers are alike, most alike first; lines of the ``starter`` count for nobody.

    Answers that are the same are each paired with the first of them only. Of more than ``MOST_COMPARED``, only
    those that are the same are found.
    """
    given = {line.strip() for line in starter.splitlines()}
    same: dict[str, list[str]] = {}
    for key, text in answers.items():
        own = normalised("\n".join(line for line in text.splitlines() if line.strip() not in given))
        if len(own) >= LEAST_CHARACTERS:
            same.setdefault(own, []).append(key)
    pairs = [Pair(keys[0], key, 100.0) for keys in same.values() for key in keys[1:]]
    firsts = {text: keys[0] for text, keys in same.items()}
    renamed = list(_renamed(firsts))
    known = {(pair.first, pair.second) for pair in renamed}
    pairs += renamed
    if len(answers) <= MOST_COMPARED:
        pairs += (pair for pair in _alike(firsts) if (pair.first, pair.second) not in known)
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def with_names_by_place(program: str) -> str:
    """Return a normalised program with each name of its own as the number of the place where it first stands.

    What the language and other objects call things stays.

    >>> with_names_by_place("price = len ( row . price )")
    '0 = len ( 1 . price )'
    """
    numbers: dict[str, str] = {}
    words: list[str] = []
    before = ""
    for word in program.split():
        own = word.isidentifier() and word not in _KEPT and before != "."
        words.append(numbers.setdefault(word, str(len(numbers))) if own else word)
        before = word
    return " ".join(words)


def _renamed(keys: Mapping[str, str]) -> Iterator[Pair]:
    """Pair programs that are the same but for names with the first of them; short ones may be so by themselves."""
    found: dict[str, str] = {}
    for program, key in keys.items():
        if len(program.split()) >= LEAST_WORDS_RENAMED:
            first = found.setdefault(with_names_by_place(program), key)
            if first != key:
                one, two = sorted((first, key))
                yield Pair(one, two, 100.0, renamed=True)


def _alike(keys: Mapping[str, str]) -> Iterator[Pair]:
    """Compare programs of about the same length, some rows at a time: others cannot reach the likeness asked for."""
    texts = sorted(keys, key=lambda text: len(text.split()))
    programs = _as_words(texts)
    lengths = [len(program) for program in programs]
    reach = (
        200 - LIKE
    ) / LIKE  # likeness is 2 × shared ÷ (both lengths), and the shorter one bounds what is shared
    for start in range(0, len(texts), _ROWS):
        rows = programs[start : start + _ROWS]
        end = bisect.bisect_right(lengths, lengths[start + len(rows) - 1] * reach)
        table = process.cdist(rows, programs[start:end], scorer=fuzz.ratio, score_cutoff=LIKE, workers=-1)
        for row, column in zip(*table.nonzero(), strict=True):
            if row < column:
                first, second = sorted((keys[texts[start + row]], keys[texts[start + column]]))
                yield Pair(first, second, float(table[row, column]))


def _as_words(texts: list[str]) -> list[str]:
    """Return each text with one character for each word: comparing words takes a tenth of comparing letters."""
    known: dict[str, str] = {}
    return [
        "".join(
            known.setdefault(word, chr(min(_FIRST_CHARACTER + len(known), sys.maxunicode)))
            for word in text.split()
        )
        for text in texts
    ]
