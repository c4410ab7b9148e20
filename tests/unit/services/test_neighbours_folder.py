"""A Unix socket's path may not be long; the folder for temporary files may."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from lambda_sandbox.services import neighbours


@pytest.mark.parametrize("length", [1, 40, 120])
def test_the_neighbours_socket_can_be_made_wherever_temporary_files_are(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        place = Path(short) / ("t" * length)
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        folder = neighbours._make_folder()
        try:
            assert (folder.parent == place) == (length < 100)
            assert list(place.iterdir()) == ([folder] if length < 100 else [])
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(folder / neighbours._SOCKET))
                (folder / neighbours._SOCKET).unlink()
        finally:
            folder.rmdir()
