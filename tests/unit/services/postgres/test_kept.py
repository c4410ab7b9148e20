"""What is written down of an instance."""

from pathlib import Path

from lambda_sandbox.services.postgres.kept import KeptInstances
from lambda_sandbox.services.postgres.programs import Owner

KEY = ("000000000000", "us-east-1", "shop")


def test_what_is_written_is_read_until_it_is_forgotten(tmp_path: Path) -> None:
    kept = KeptInstances(tmp_path / "databases")
    kept.write(KEY, {"port": 5432})
    kept.write(KEY, {"port": 5433})
    assert list(KeptInstances(tmp_path / "databases").read()) == [(KEY, {"port": 5433})]
    kept.forget(KEY)
    assert list(kept.read()) == []


def test_without_a_folder_nothing_is_kept() -> None:
    kept = KeptInstances(None)
    kept.write(KEY, {"port": 5432})
    assert not kept
    assert kept.home(KEY) is None
    assert list(kept.read()) == []


def test_a_folder_that_the_owner_may_not_enter_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    stranger = Owner(54321, 54321)
    problem = KeptInstances(tmp_path / "mine" / "state").problem(stranger)
    assert "may not enter" in problem
    assert KeptInstances(tmp_path / "mine" / "state").problem(None) == ""
