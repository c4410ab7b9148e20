"""Submissions that end early, or never."""

from __future__ import annotations

from ..submitted import ADD, ALL, CONNECT, FACTS, FACTS_ONLY, MEMORY, NAMESPACES, Submitted, answering, plain

_ENDLESS = """\
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    pass
"""

_ENDLESS_IN_C = "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"

_SHUTDOWN = """\
kernel = get_ipython().kernel
kernel.io_loop.add_callback(kernel.io_loop.stop)
kernel.do_shutdown(False)
raise KeyboardInterrupt
"""

_DAEMON = """\
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        os.closerange(0, 4096)
        os.execvp("sleep", ["sleep", "98765"])
    os._exit(0)
os.wait()
"""

_DAEMONS_THAT_FORK_ON = """\
import os, time
if os.fork() == 0:
    end = time.monotonic() + 60
    while time.monotonic() < end:  # always young: each one lives for a moment and leaves a child
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(0.01)
"""

ENDINGS = {
    "hostile-os-exit": plain("import os; os._exit(0)", ("work", "1"), says="kernel ended"),
    "hostile-aborts": plain("import os; os.abort()", says="kernel ended"),
    "hostile-kills-itself": plain("import os; os.kill(os.getpid(), 9)", says="kernel ended"),
    "hostile-system-exit-and-skip": plain(
        "raise SystemExit(0)", "import pytest; pytest.skip('all')", "quit()"
    ),
    "hostile-shuts-the-kernel-down": plain(_SHUTDOWN, "1"),
    "hostile-endless-loop": Submitted([CONNECT, FACTS, ADD, _ENDLESS], ALL, says="ran longer"),
    "hostile-endless-loop-in-c": plain(_ENDLESS_IN_C, says="ran longer"),
    "hostile-sleeps": plain("import time; time.sleep(10**6)", ("work", "1"), says="ran longer"),
    "hostile-reads-stdin": plain("input('?')", "import sys; sys.stdin.read()", "import os; os.read(0, 1)"),
    "hostile-daemon": plain(_DAEMON),
    "hostile-daemons-that-fork-on": plain(_DAEMONS_THAT_FORK_ON, needs=NAMESPACES),
    "hostile-function-exits": Submitted(
        answering("import os\ndef handler(event, context):\n    os._exit(0)\n"), FACTS_ONLY + MEMORY
    ),
    "hostile-function-never-answers": Submitted(
        [
            CONNECT,
            FACTS,
            "deploy('import time\\ndef handler(event, context):\\n    time.sleep(9000)\\n', Timeout=900)",
        ],
        FACTS_ONLY,
    ),
}
