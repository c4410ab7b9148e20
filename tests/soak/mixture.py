"""A class of any size: honest, wrong and hostile submissions to a lab without AWS, the same for the same seed."""

from __future__ import annotations

import random

from tests.hostile.attacks import HOSTILE
from tests.hostile.submitted import ALL_PLAIN, FACTS, WORK, Submitted

# Seconds of waiting apiece would measure the limit on time and nothing else; each of these is in ``tests/hostile`` too.
_SLOW = ("ran longer",)
_SELDOM = {
    "hostile-endless-loop-in-c", "hostile-sleeps", "hostile-threads", "hostile-fork-bomb", "hostile-memory-hog",
    "hostile-memory-hogs-together", "hostile-patches-ipython", "hostile-floods-the-kernels-socket",
    "hostile-50-mb-of-output", "hostile-50-mb-of-displays", "hostile-a-hundred-thousand-lines",
}  # fmt: skip


def _wrong(chance: random.Random) -> Submitted:
    total, word = chance.randint(0, 9), chance.choice(["hello", "", "cloudberry-word-00000000"])
    right = total == 3
    cells = [("facts", f"total = {total}\nflag = {right}"), ("work", f"print({word!r})")]
    return Submitted(list(cells), 2 * right)


def mixture(count: int, seed: int) -> dict[str, Submitted]:
    """Return ``count`` submissions by name; half honest, a quarter wrong, the rest hostile, the slow ones one in fifty."""
    chance = random.Random(seed)
    hostile = {name: one for name, one in HOSTILE.items() if not one.aws and not one.beside}
    quick = [one for name, one in hostile.items() if name not in _SELDOM and one.says not in _SLOW]
    seldom = [hostile[name] for name in sorted(_SELDOM)]
    made: dict[str, Submitted] = {}
    for number in range(count):
        kind = chance.random()
        if number % 50 == 49:
            one = seldom[number // 50 % len(seldom)]
        elif kind < 0.5:
            one = Submitted([f"x = {number}", FACTS, WORK], ALL_PLAIN)
        elif kind < 0.75:
            one = _wrong(chance)
        else:
            one = chance.choice(quick)
        made[f"student-{number:04}"] = one
    return made
