"""Every lab keeps the contract: its starter earns nothing for work, its solution earns all, its papers are in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.contract import check_lab
from autograder.discover import Lab, read_labs

LABS = read_labs(Path(__file__).resolve().parents[2] / "labs")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lab", LABS, ids=[lab.slug for lab in LABS])
def test_lab_keeps_the_contract(lab: Lab) -> None:
    assert check_lab(lab, LABS) == []
