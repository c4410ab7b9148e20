"""Submissions that want more of the machine than one may have."""

from __future__ import annotations

from ..submitted import ALL_PLAIN, NAMESPACES, WORK, Submitted, plain

_BOMB = """\
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(5000):
    try:
        if os.fork() == 0:
            while True:
                try: os.fork()
                except OSError: pass
    except OSError:
        pass
"""

_THREADS = """\
import threading, time
for _ in range(20_000):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""

_HOG = "held = []\nwhile True:\n    held.append(bytearray(64 << 20))"

_HOG_TOGETHER = """\
import os, time
for _ in range(8):
    if os.fork() == 0:
        held = bytearray(os.urandom(1)) * (300 << 20)
        time.sleep(60)
time.sleep(60)
"""

_DISK = """\
for folder in (".", "/tmp", "/dev/shm", "/var/tmp"):
    try:
        for n in range(100):
            with open(f"{folder}/f{n}", "wb") as f:
                f.write(bytes(8 << 20))
    except OSError as error:
        print(folder, error)
"""

_FILES = """\
import os
try:
    os.mkdir("many")
    for n in range(60_000):
        os.close(os.open(f"many/{n}", os.O_CREAT | os.O_WRONLY))
except OSError as error:
    print(error)
"""

_DISPLAYS = """\
from IPython.display import HTML, clear_output, display
handle = display(HTML("<script>alert(1)</script>"), display_id=True)
for _ in range(20):
    display({"text/plain": "\\x1b[2J" * 200_000, "image/png": "A" * 2_000_000}, raw=True)
    handle.update(HTML("<img src=x onerror=alert(1)>" * 10_000))
clear_output()
"""

HOGS = {
    "hostile-fork-bomb": plain(_BOMB, "import time; time.sleep(30)", needs=NAMESPACES),
    "hostile-threads": plain(_THREADS, "import time; time.sleep(30)", needs=NAMESPACES),
    "hostile-memory-hog": plain(_HOG),
    "hostile-memory-hogs-together": plain(_HOG_TOGETHER, says="MB of memory"),
    "hostile-disk-hog": plain(_DISK, WORK, expected=ALL_PLAIN, needs=NAMESPACES),
    "hostile-sixty-thousand-files": plain(_FILES, WORK, expected=ALL_PLAIN, needs=NAMESPACES),
    "hostile-50-mb-of-output": plain(
        "print('\\x1b[31m<script>' * 4_000_000)", "print('x' * 8_000_000)", ("work", "print('x')")
    ),
    "hostile-a-hundred-thousand-lines": plain("for n in range(100_000):\n    print(n, flush=n % 100 == 0)"),
    "hostile-50-mb-of-displays": plain(_DISPLAYS, ("work", "1")),
    "hostile-many-handles": plain(
        "import os\nheld = []\ntry:\n    while True: held += os.pipe()\nexcept OSError: pass", "1"
    ),
    "=cmd()|'<script>alert(1), \u202egnp.": Submitted(
        [("facts", "total = 3\nflag = True"), "raise ValueError('<script>alert(1)</script>\\udc80\\x1b[2J')"],
        2,
    ),
}
