"""The layers of a function as the one folder that becomes ``/opt``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path


class LayerFolders:
    """Merges layers once for each sequence of them; ``folder`` is private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._merged: dict[tuple[Path, ...], Path] = {}

    def one_folder(self, layers: Sequence[Path]) -> Path | None:
        """Return one folder with all layers, later ones over earlier ones; AWS unpacks them so into ``/opt``."""
        if len(layers) < 2:
            return layers[0] if layers else None
        key = tuple(layers)
        if key not in self._merged:
            merged = self._folder / f"layers-{len(self._merged)}"
            for layer in layers:
                shutil.copytree(layer, merged, symlinks=True, dirs_exist_ok=True)
            self._merged[key] = merged
        return self._merged[key]
