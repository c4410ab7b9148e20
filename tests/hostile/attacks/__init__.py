"""Submissions that try to get what they did not earn, one module a way of trying."""

from __future__ import annotations

from ..submitted import Submitted
from .cells import CELLS
from .endings import ENDINGS
from .forging import FORGING
from .hogs import HOGS
from .machine import MACHINE
from .patches import PATCHES
from .planting import PLANTING
from .reading import READING
from .sandboxes import SANDBOXES
from .values import VALUES

HOSTILE: dict[str, Submitted] = {
    **VALUES,
    **PATCHES,
    **ENDINGS,
    **HOGS,
    **READING,
    **FORGING,
    **MACHINE,
    **SANDBOXES,
    **PLANTING,
    **CELLS,
}
