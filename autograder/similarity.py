"""Which submissions are nearly the same: pairs for a person to look at, never a verdict."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process

LIKE = 90.0  # POLICY: percent of equal characters, beside the lab's own text, from which a pair is shown
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
    """Return pairs of keys whose answers are alike, most alike first; lines of the ``starter`` count for nobody."""
    given = {line.strip() for line in starter.splitlines()}
    own = {
        key: normalised("\n".join(line for line in text.splitlines() if line.strip() not in given))
        for key, text in answers.items()
    }
    keys = [key for key, text in own.items() if len(text) >= LEAST_CHARACTERS]
    texts = [own[key] for key in keys]
    if len(texts) < 2:
        return []
    table = process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=LIKE, workers=-1)
    rows, columns = table.nonzero()
    pairs = [
        Pair(keys[row], keys[column], float(table[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if row < column
    ]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))
