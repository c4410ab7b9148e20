"""A network of its own for a batch whose submissions knock at every port they find.

Without it they would find every sandbox of this machine, such as a developer's own and those of the tests beside, and empty it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lambda_sandbox.environments import namespaces


@functools.cache
def possible() -> bool:
    """Whether this process may enter one; that needs a privilege."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with entered():
                code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


@contextmanager
def entered() -> Iterator[None]:
    """Put this thread, and what it starts, into a network that holds nothing but itself. Raises ``OSError``."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        namespaces.unshare(namespaces.NEWNET)
        try:
            namespaces.loopback_up()
            yield
        finally:
            namespaces.join(before, namespaces.NEWNET)
    finally:
        os.close(before)
