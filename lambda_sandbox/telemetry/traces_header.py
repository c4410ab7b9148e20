"""The X-Ray trace header: ``Root=1-…;Parent=…;Sampled=1;Lineage=…``.

Source: AWS X-Ray Developer Guide, "Tracing header", read 2026-11.
"""

from __future__ import annotations

from hashlib import blake2b

SAMPLED = "Sampled=1"


def parts(header: str) -> dict[str, str]:
    """Return the header's parts by name."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, mark, value in pairs if mark}


def root(header: str) -> str:
    return parts(header).get("Root", "")


def replaced(header: str, **values: str) -> str:
    """Return the header with some parts changed, or added behind Root, in AWS's order; an empty value leaves a part out."""
    known = parts(header) | values
    order = ["Root", "Parent", "Sampled"]
    names = [*order, *(name for name in known if name not in order)]
    return ";".join(f"{name}={known[name]}" for name in names if known.get(name))


def segment_id(*what: str) -> str:
    """Return a segment's id, 16 hexadecimal digits, that is the same for the same ``what``."""
    return blake2b("/".join(what).encode(), digest_size=8).hexdigest()
