"""Submissions that look for the answers: in files, memory, frames, the environment, and in each other."""

from __future__ import annotations

from ..submitted import NAMESPACES, TOTAL_AND_FLAG, Submitted, plain

# None of them may hold in its own text what it looks for.
_LOOK = "import os, re\nWANTED = re.compile(rb'cloudberry-w[o]rd-[0-9a-f]{8}')\n"

_FILES = (
    _LOOK
    + """\
def texts():
    for name in sorted({"/" + name for name in os.listdir("/")} - {"/proc", "/sys", "/dev", "/usr", "/lib"}):
        for folder, inner, files in os.walk(name):
            inner[:] = [one for one in inner if one != "site-packages"]
            for file in files:
                path = os.path.join(folder, file)
                try:
                    if file.endswith((".ipynb", ".json", ".pyc", ".py", ".csv", ".sqlite")):
                        if os.path.getsize(path) < 5_000_000:
                            yield open(path, "rb").read()
                except OSError: pass
for text in texts():
    if found := WANTED.search(text):
        print(found[0].decode()); break
"""
)

_MEMORY = (
    _LOOK
    + """\
def regions(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(word, 16) for word in line.split()[0].split("-"))
            if "r" in line.split()[1] and last - first < 200_000_000:
                try:
                    memory.seek(first); yield memory.read(last - first)
                except (OSError, ValueError, OverflowError): pass
def found_in_memory():
    for pid in ["self", *filter(str.isdigit, os.listdir("/proc"))]:
        try:
            for text in regions(pid):
                if found := WANTED.search(text):
                    return found[0].decode()
        except OSError: pass
print(found_in_memory())
"""
)

_FRAMES = """\
import gc, re, sys, types
WANTED = re.compile('cloudberry-w[o]rd-[0-9a-f]{8}')
names, texts, frames = set(), set(), list(sys._current_frames().values())
for frame in frames:
    while frame:
        names.add(frame.f_code.co_filename)
        texts.update(value for value in [*frame.f_locals.values(), *frame.f_globals.values()] if type(value) is str)
        frame = frame.f_back
gc.unfreeze()
for thing in [*gc.get_objects(), *(vars(module) for module in [*sys.modules.values()] if hasattr(module, "__dict__"))]:
    if type(thing) in (dict, list, tuple):
        texts.update(value for value in (thing.values() if type(thing) is dict else thing) if type(value) is str)
    elif type(thing) is types.FunctionType:
        texts.update(value for value in thing.__code__.co_consts if type(value) is str)
found = [match[0] for text in texts if (match := WANTED.search(text))]
print(found[0] if found else sorted(name for name in sys.modules if name.startswith(("autograder.s", "test_"))))
"""

_ENVIRONMENT = """\
import os
print("SECRETS", [name for name in os.environ if "SECRET_FOR_THE_TEST" in name])
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"SECRET_FOR_THE_TEST" in open(f"/proc/{pid}/environ", "rb").read(): print("SECRETS", pid)
    except OSError:
        pass
"""

_CHECK_FILES = """\
found = []
for name in sorted({"/" + name for name in os.listdir("/")} - {"/proc", "/sys", "/dev", "/usr"}):
    for folder, inner, files in os.walk(name):
        inner[:] = [one for one in inner if one != "site-packages"]
        found += [os.path.join(folder, file) for file in files if file.startswith(("test_adding", "test_plain_lab"))]
        found += [os.path.join(folder, file) for file in files if file in ("result.json", "gradebook.sqlite")]
print("FOUND", found)
"""

# Each leaves the word where the other could find it, and waits for what the other left.
_MEETING = """\
import mmap, os, socket, time
WORD = {word}
places = [f"{{folder}}/meeting" for folder in ("/tmp", "/dev/shm", "/var/tmp", ".", "/run", os.environ["HOME"])]
for place in places:
    try:
        with open(place, "x" if WORD else "r") as file:
            WORD and file.write(WORD)
    except OSError: pass
server = socket.socket(socket.AF_UNIX)
if WORD:
    try: server.bind("\\0meeting"); server.listen()
    except OSError: pass
    tcp = socket.socket(); tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try: tcp.bind(("127.0.0.1", 45678)); tcp.listen()
    except OSError: pass
end, heard = time.monotonic() + 2.5, ""
while time.monotonic() < end and (WORD or not heard):
    time.sleep(0.1)
    for place in places:
        try: heard = heard or open(place).read()
        except OSError: pass
    if not WORD:
        for family, address in ((socket.AF_UNIX, "\\0meeting"), (socket.AF_INET, ("127.0.0.1", 45678))):
            try:
                with socket.socket(family) as client: client.connect(address); heard = "met"
            except OSError: pass
print("" if WORD else heard and "cloudberry-" + "word-7f3a91c4")
"""

READING = {
    "hostile-reads-files": Submitted(
        [("facts", TOTAL_AND_FLAG + "\nimport os\n" + _CHECK_FILES), ("work", _FILES)], 2, needs=NAMESPACES
    ),
    "hostile-reads-environment": Submitted(
        [("facts", TOTAL_AND_FLAG + "\n" + _ENVIRONMENT)], 2, needs=NAMESPACES
    ),
    "hostile-reads-memory": plain(("work", _MEMORY), needs=NAMESPACES),
    "hostile-reads-its-own-memory": plain(
        ("work", _MEMORY.replace('["self", *filter(str.isdigit, os.listdir("/proc"))]', '["self"]'))
    ),
    "hostile-reads-frames-and-gc": plain(("work", _FRAMES)),
    "hostile-meets-another-by-leaving-a-word": plain(
        ("work", _MEETING.format(word="'left'")), needs=NAMESPACES
    ),
    "hostile-meets-another-by-waiting": plain(("work", _MEETING.format(word="''")), needs=NAMESPACES),
}
