"""How much of its storage a database uses."""

from __future__ import annotations

from pathlib import Path

from lambda_sandbox.services.postgres import storage
from lambda_sandbox.services.postgres.settings import GIB


def test_every_file_below_counts_by_its_length(tmp_path: Path) -> None:
    (tmp_path / "base" / "1").mkdir(parents=True)
    (tmp_path / "base" / "1" / "table").write_bytes(b"x" * 1000)
    (tmp_path / "pg_wal").write_bytes(b"x" * 24)
    assert storage.used_bytes(tmp_path) == 1024
    assert storage.used_bytes(tmp_path / "gone") == 0


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    (tmp_path / "large").write_bytes(b"x" * 5000)
    assert storage.used_bytes(tmp_path / "data") < 1000


def test_storage_is_full_at_its_last_byte(tmp_path: Path) -> None:
    with (tmp_path / "table").open("wb") as file:
        file.truncate(GIB - 1)
        assert not storage.is_full(tmp_path, 1)
        file.truncate(GIB)
    assert storage.is_full(tmp_path, 1)
