"""Executes one notebook's cells with nbclient and gathers the text that they showed. It decides no score."""

from __future__ import annotations

import time
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError


class KeptOutputClient(NotebookClient):
    """``keep_bytes`` of output are kept for the whole notebook; the rest is read and dropped."""

    keep_bytes = 0

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            self.keep_bytes -= len(repr(msg["content"])) if kind != "stream" else len(msg["content"]["text"])
            if self.keep_bytes < 0:
                return None
        elif kind.startswith("comm"):
            return None
        return super().process_message(msg, cell, cell_index)


def notebook_client(kernel: Any, connection: Any, keep_bytes: int) -> KeptOutputClient:
    """Return nbclient's client of a kernel that runs: ``kernel`` has ``is_alive``, ``connection`` its channels."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    client = KeptOutputClient(notebook, km=kernel, allow_errors=True, timeout=None)
    client.kc = connection
    if connection is not None:
        connection.is_alive = kernel.is_alive  # nbclient asks its connection, which itself cannot tell
    client.keep_bytes = keep_bytes
    return client


async def execute_cells(
    client: NotebookClient, sources: list[str], deadline: float, cells: list[dict[str, Any]]
) -> str:
    """Execute the cells until one takes the kernel away or the time is over; append to ``cells`` what each showed.

    ``deadline`` is in seconds of ``time.monotonic``. Return how it ended: ``finished``, ``time`` or ``died``.
    """
    client.nb.cells = [_code_cell(source, number) for number, source in enumerate(sources)]
    for index, cell in enumerate(client.nb.cells):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return "time"
        client.timeout = max(1, int(remaining))
        ended = ""
        try:
            await client.async_execute_cell(cell, index)
        except CellTimeoutError:
            ended = "time"
        except DeadKernelError:
            ended = "died"
        cells.append(seen(cell))
        if ended:
            return ended
    return "finished"


def _code_cell(source: str, number: int) -> Any:
    """Return what ``nbformat.v4.new_code_cell`` returns, without the check against its schema: a millisecond a cell."""
    cell = {"cell_type": "code", "id": f"c{number}", "source": source}
    return nbformat.from_dict({**cell, "metadata": {}, "execution_count": None, "outputs": []})  # type: ignore[no-untyped-call]


def seen(cell: Any) -> dict[str, Any]:
    """Return what one cell showed as plain text, and the last error it raised."""
    texts: list[str] = []
    error: str | None = None
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            texts.append(str(output.get("text", "")))
        elif output["output_type"] == "error":
            error = f"{output.get('ename', '')}: {output.get('evalue', '')}"[:500]
        else:
            texts.append(str(output.get("data", {}).get("text/plain", "")))
    return {"text": "\n".join(texts), "error": error}
