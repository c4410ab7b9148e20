"""botocore's service models, read from its folder: importing botocore itself would be a sixth of the server's start."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any


def read(service: str) -> dict[str, Any]:
    """Return the newest model that the installed botocore has of a service, such as ``lambda``: ``shapes``, ``operations``.

    Raises ``FileNotFoundError`` for a service that botocore does not know.
    """
    packed = [*_data(service).glob("*/service-2.json.gz"), *_data(service).glob("*/service-2.json")]
    if not packed:
        raise FileNotFoundError(f"botocore has no model of {service}")
    newest = max(packed, key=lambda path: path.parent.name)  # a version is a date
    text = newest.read_bytes()
    model: dict[str, Any] = json.loads(gzip.decompress(text) if newest.suffix == ".gz" else text)
    return model


def _data(service: str) -> Path:
    found = importlib.util.find_spec("botocore")
    assert found is not None, "botocore is required"
    assert found.origin is not None, "botocore is a package with files"
    return Path(found.origin).parent / "data" / service
