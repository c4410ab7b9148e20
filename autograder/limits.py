"""What one submission may use; every number a policy of ours, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one submission. POLICY: wide enough for every lab's solution on a slow machine.

    ``wall_s`` is for the whole notebook, ``cpu_s`` for each process and ``tree_cpu_s`` for the tree together,
    ``memory_mb`` for the tree together and ``address_space_mb`` for each process, ``file_mb`` for each file, ``scratch_mb``
    and ``scratch_files`` for all in one of the folders that it may write.
    ``sandbox_mb`` is for its sandbox's server and what runs beside it, functions not counted: the labs need 260 at most.
    ``sandbox_disk_mb`` is for the files of both, unpacked packages and databases among them: the labs need 100 at most.
    ``output_bytes`` is how much output is kept; more is dropped, not punished.
    """

    wall_s: float = 120.0
    check_s: float = 60.0
    cpu_s: int = 60
    tree_cpu_s: int = 120
    memory_mb: int = 1024
    address_space_mb: int = 4096
    sandbox_mb: int = 1536
    sandbox_disk_mb: int = 2048
    processes: int = 96
    file_mb: int = 64
    scratch_mb: int = 256
    scratch_files: int = 16_384
    open_files: int = 512
    output_bytes: int = 1_000_000


MAX_NOTEBOOK_BYTES = 10_000_000
MAX_CELLS = 1_000
MAX_CELL_CHARACTERS = 200_000
MAX_ANSWERS_A_CELL = 20
MAX_NESTING = 60
