"""No event loop runs where a handler begins. In a notebook or an asynchronous test one does, in the very thread that handlers take.

So ``asyncio.run`` in a handler, and every adapter for asynchronous frameworks, would be refused here and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stepped_out() -> Iterator[None]:
    """Have this thread's running event loop, and its task, be unknown inside; they go on as they were."""
    asyncio: Any = sys.modules.get("asyncio")  # where nobody has loaded it, none runs
    loop = asyncio and asyncio._get_running_loop()
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio.set_event_loop(loop)  # ``asyncio.run`` leaves none behind
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)
