"""What all parts of one sandbox stand on: its configuration, its clocks, its store and code, its logs and history."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from lambda_sandbox.clock import RealClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.waiting_clock import waiting_clock
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore


class Ground:
    def __init__(self, config: Config) -> None:
        """Reads from the disk. Raises ``SandboxFault`` when the state cannot be opened."""
        self.config = config
        self.clock = RealClock()
        self.store = Store(config.state)
        self.waiting_clock = waiting_clock(config, self.clock)
        self._closing = contextlib.ExitStack()
        self.code = CodeStore(config.state or self._temporary())
        self.model = LambdaModel.load()
        self.logs = LogStore()
        self.history = History()

    def _temporary(self) -> Path:
        """Return a folder that goes with this sandbox, or when the next one starts if this one is killed."""
        folder, lock = make_folder()
        self._closing.callback(os.close, lock)
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # environments run as other users
        return folder

    def close(self) -> None:
        self.store.close()
        self._closing.close()

    async def sleep(self, seconds: float) -> None:
        """Sleep ``seconds`` of the clock that retries, windows and ages run by."""
        await asyncio.sleep(self.waiting_clock.real_s(seconds))

    def note(self, sentence: str) -> None:
        """Show in history what became of an event, a letter or a schedule."""
        self.history.delivery(self.clock.now(), sentence)

    def denied(self, principal: str, action: str, resource: str, why: str) -> None:
        """Show in history that a service may not do ``action``, and which statement is missing."""
        self.history.denial(self.clock.now(), principal, action, resource, why)

    def code_directory(self, function: FunctionConfiguration) -> Path:
        """Return a function's unpacked package. Raises ``SandboxFault`` for an image."""
        if function.package_type == "Image":
            raise SandboxFault(f"The image {function.image_uri} cannot run: that needs a container engine.")
        return self.code.directory(function.code_sha256)

    def layer_directories(self, function: FunctionConfiguration) -> tuple[Path, ...]:
        return tuple(self.code.directory(layer.code_sha256) for layer in function.layers)
