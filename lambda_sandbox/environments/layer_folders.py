"""The layers of a function as the one folder that becomes ``/opt``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lambda_sandbox.errors import SandboxFault


class LayerFolders:
    """Merges layers once for each sequence of them; ``folder`` is private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._merged: dict[tuple[Path, ...], Path] = {}

    def one_folder(self, layers: Sequence[Path]) -> Path | None:
        """Return one folder with all layers, later ones over earlier ones; AWS unpacks them so into ``/opt``.

        Raises ``SandboxFault`` where one layer has a file and another a folder of its name, or the disk is full.
        """
        if len(layers) < 2:
            return layers[0] if layers else None
        key = tuple(layers)
        if key not in self._merged:
            merged = self._folder / f"layers-{len(self._merged)}"
            try:
                for layer in layers:
                    shutil.copytree(layer, merged, dirs_exist_ok=True, copy_function=_copy)
            except shutil.Error as error:
                shutil.rmtree(merged, ignore_errors=True)  # the next ones that are merged take its name
                _, _, reason = error.args[0][0]
                reason = str(reason).replace(str(merged), "/opt")
                raise SandboxFault(f"The function's layers do not fit together: {reason}.") from error
            self._merged[key] = merged
        return self._merged[key]


def _copy(source: str, target: str) -> None:
    if os.path.isdir(target):  # ``copy2`` would put the file into the folder
        raise IsADirectoryError(f"{target} is a folder in one layer and a file in another")
    shutil.copy2(source, target)
