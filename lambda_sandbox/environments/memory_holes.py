"""Plugs the holes in a process's memory before it is forked.

What was freed while modules were loaded lies all over the heap. A child's first few hundred objects would go there, one to
a page, and the kernel copies each page that is written to. With the holes plugged they lie side by side behind them.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the zygote.
"""

from __future__ import annotations

import ctypes

_POOLS_BYTES = 1 << 16  # of each size: more than a few pools of Python's allocator hold
_SMALLEST, _LARGEST_SMALL, _STEP = 48, 512, 16
_BYTES_HEADER = 33  # of a bytes object, its last byte included
_MOST = 5_000  # holes of one size

_plugs: list[object] = []


def plug() -> None:
    """Fill what is free with objects that stay. Takes some milliseconds and 2 MB, once for all children."""
    _plug_c_library()
    for size in range(_SMALLEST, _LARGEST_SMALL + 1, _STEP):
        _plugs.extend([bytes(size - _BYTES_HEADER) for _ in range(_POOLS_BYTES // size)])
    _plugs.extend([object() for _ in range(_POOLS_BYTES // 16)])
    _plugs.extend([float(number) for number in range(_POOLS_BYTES // 32)])


def _plug_c_library() -> None:
    library = ctypes.PyDLL(None)
    allocate = library.malloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    end = allocate(100_000) or 0  # too large for a hole
    for size in (*range(65_536, 2_048, -1_024), *range(2_048, 8, -_STEP)):
        for _ in range(_MOST):
            if (allocate(size) or 0) >= end:
                break
