"""Which submissions are nearly the same: pairs for a person to look at, never a verdict."""

from __future__ import annotations

import bisect
import io
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
    """Two keys and how alike their answers are, in percent."""

    first: str
    second: str
    likeness: float


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
    if len(answers) <= MOST_COMPARED:
        pairs += _alike({text: keys[0] for text, keys in same.items()})
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


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
