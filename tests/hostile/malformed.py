"""Files that are handed in as notebooks and are none, and the words that their owner is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

_NONE = "not a Jupyter notebook"


def _notebook(cells: object, **more: object) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}).encode()


_CODE = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}

MALFORMED: dict[str, tuple[bytes, str]] = {
    "malformed-text": (b"this is not a notebook", _NONE),
    "malformed-empty": (b"", _NONE),
    "malformed-nothing-but-zeros": (bytes(100_000), _NONE),
    "malformed-deep": (b"[" * 200_000, "nested too deeply"),
    "malformed-deep-in-a-cell": (_notebook([]).replace(b"[]", b'[{"a":' * 40_000), "nested too deeply"),
    "malformed-list": (b"[1, 2, 3]", _NONE),
    "malformed-huge": (b'{"cells": [], "x": "' + b"a" * 11_000_000 + b'"}', "larger than 10 MB"),
    "malformed-cells": (_notebook(7), "notebook"),
    "malformed-too-many-cells": (_notebook([_CODE] * 1_001), "more than 1000 cells"),
    "malformed-version": (_notebook([]).replace(b'"nbformat": 4', b'"nbformat": 1e400'), "notebook"),
    "malformed-version-of-the-future": (
        _notebook([]).replace(b'"nbformat": 4', b'"nbformat": 99'),
        "notebook",
    ),
    # Whoever looks for the end of each of these texts anew is still at it after a week.
    "malformed-text-without-its-end": (b'{"x": "' + b'\\"' * 4_900_000, _NONE),
    "malformed-zip": (b"PK\x03\x04" + bytes(200), _NONE),
    "malformed-pickle": (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94", _NONE),
    "malformed-script": (b"<script>alert(1)</script>", _NONE),
}

# No files at all, or files elsewhere: what they are made as, in the folder of the batch.
_CANNOT = "cannot be opened"


def make_odd_files(folder: Path, honest: Path) -> dict[str, str]:
    """Make links, a pipe and a folder under a notebook's name; return name to the words that are said of each."""
    (folder / "odd-link.ipynb").symlink_to(honest)
    (folder / "odd-link-out.ipynb").symlink_to("../../../../../../../../etc/passwd")
    (folder / "odd-link-to-itself.ipynb").symlink_to("odd-link-to-itself.ipynb")
    (folder / "odd-device.ipynb").symlink_to("/dev/zero")
    os.mkfifo(folder / "odd-pipe.ipynb")
    (folder / "odd-folder.ipynb").mkdir()
    links = ("odd-link", "odd-link-out", "odd-link-to-itself", "odd-device")
    return {**dict.fromkeys(links, _CANNOT), "odd-pipe": "is not a file", "odd-folder": "is not a file"}
