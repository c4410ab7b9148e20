"""What a child of a zygote would write to, with and without plugged holes: pages of 4 KB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lambda_sandbox.environments.memory_holes as plugged

_SCRIPT = """
import ctypes, random, sys
sys.path.insert(0, sys.argv[1])
import memory_holes
random.seed(1)
sizes = range(40, 513, 24)
made = [bytes(random.choice(sizes)) for _ in range(60_000)]
random.shuffle(made)
del made[20_000:]  # holes everywhere
library = ctypes.PyDLL(None)
library.malloc.restype = ctypes.c_void_p
blocks = [library.malloc(random.choice(sizes) + 512) for _ in range(20_000)]
random.shuffle(blocks)
for place in blocks[5_000:]:
    library.free(ctypes.c_void_p(place))
if sys.argv[2] == "plug":
    memory_holes.plug()
children = [bytes(size) for size in sizes for _ in range(20)]
pages = {id(each) // 4096 for each in children}
pages |= {library.malloc(size + 512) // 4096 for size in sizes for _ in range(20)}
print(len(pages))
"""


def pages_of_new_objects(how: str) -> int:
    command = [sys.executable, "-c", _SCRIPT, str(Path(plugged.__file__).parent), how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="zygotes are for Linux")
def test_new_objects_lie_side_by_side_once_the_holes_are_plugged() -> None:
    assert pages_of_new_objects("plug") * 2 < pages_of_new_objects("leave")
