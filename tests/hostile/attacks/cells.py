"""Notebooks whose cells were copied, split, deleted or doubled, by mischance or on purpose."""

from __future__ import annotations

from ..submitted import FACTS, WORK, Submitted

CELLS = {
    "cells-copied-wrong-one-last": Submitted(
        [FACTS, WORK, ("facts", "total = 9\nflag = 9")], 3, says="occurs more than once"
    ),
    "cells-split": Submitted(
        [("facts", "total = 3"), ("facts", "flag = True"), WORK], 4, says="occurs more than once"
    ),
    "cells-deleted": Submitted([FACTS], 2),
    "cells-without-their-tag": Submitted(["total = 3\nflag = True", WORK], 3),
    "cells-with-all-answers-in-one": Submitted([("facts", "total = 3\nflag = True\n" + WORK[1])], 2),
    "cells-with-odd-names": Submitted(
        [
            ("../facts", "total = 3\nflag = True"),
            ("FACTS", "total = 3\nflag = True"),
            ("facts\n", "total = 3"),
        ],
        0,
    ),
    "cells-none": Submitted([], 0),
}
