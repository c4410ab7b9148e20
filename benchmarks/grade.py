"""Grading: seconds a submission, with one worker and two, beside other graders in the same run; and memory."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.isolation import best_isolation
from benchmarks import peer_graders
from benchmarks.cpu_account import run

LAB = "09-sqs-partial-batches"
_WORKERS = (1, 2)


def measure(count: int, lab_count: int, peer_count: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return all figures. ``count`` trivial submissions a run, ``lab_count`` of lab 09, ``peer_count`` for each peer."""
    figures: dict[str, Any] = {"isolation": best_isolation().level, "cores": os.cpu_count()}
    figures |= {
        "load": [round(os.getloadavg()[0], 1)],
        "trivial": {},
        "lab_09": {},
    }  # of others too: a wall clock shows it
    for workers in _WORKERS:
        progress(f"{count} trivial submissions, {workers} at once")
        figures["trivial"][f"ours, {workers} at once"] = _ours("trivial", count, workers)
    progress(f"{peer_count} trivial submissions with each of the others")
    figures["trivial"] |= peer_graders.measure(peer_count)
    for workers in _WORKERS:
        progress(f"{lab_count} submissions of lab 09, {workers} at once")
        figures["lab_09"][f"ours, {workers} at once"] = _ours(LAB, lab_count, workers)
    figures["load"].append(round(os.getloadavg()[0], 1))
    return figures


def _ours(lab: str, count: int, workers: int) -> dict[str, Any]:
    root = Path(__file__).resolve().parent.parent
    words = [sys.executable, "-m", "benchmarks.grade_batch", lab]
    # The start is the same for any number: the difference of two runs is what the submissions themselves cost.
    few = run([*words, str(workers), str(workers)], root)
    many = run([*words, str(count + workers), str(workers)], root)
    found: dict[str, Any] = json.loads(many.output)
    return {
        **found,
        "each_cpu_s": round((many.cpu_s - few.cpu_s) / count, 4) if many.whole_tree else None,
        "notebooks": count + workers,
    }
