"""Submissions that speak in the grader's or the kernel's place: forged, early, malformed and flooded messages."""

from __future__ import annotations

from ..submitted import ALL_PLAIN, FILES, NAMESPACES, TOTAL_AND_FLAG, WORK, Submitted, plain

_RESULT_FILES = """\
import json, os, pathlib
document = {"schema_version": 2, "status": "graded", "score": 8, "max_score": 8}
for folder in (".", "..", "/tmp", "/course", "/", os.environ["HOME"], "/var/tmp", "/dev/shm"):
    for name in ("result.json", "hostile-writes-result/result.json", "hostile-os-exit/result.json", "gradebook.csv"):
        try:
            target = pathlib.Path(folder, name)
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(document))
        except OSError:
            pass
"""

_PRINTED = """\
import json
print(json.dumps({"cells": [], "ended": "finished", "status": "graded", "score": 8, "max_score": 8}))
print("ready http://127.0.0.1:1"); print("8 passed in 0.01s"); print(json.dumps({"ready": True})); print("R"); print("L")
"""

# Whatever descriptor can be had, its own or another process's, gets an answer that was never asked for.
_HANDLES = """\
import array, json, os, socket
words = [json.dumps({"cells": [{"text": "cloudberry", "error": None}], "ended": "finished"}).encode() + b"\\n",
         json.dumps({"pid": 1}).encode() + b"\\n", json.dumps({"ready": True}).encode() + b"\\n", b"\\x80\\x04N."]
wrote = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    if pid == str(os.getpid()): continue
    for number in range(3, 64):
        try:
            with open(f"/proc/{pid}/fd/{number}", "wb", buffering=0) as stream:
                for word in words: stream.write(word)
            wrote.append((pid, number))
        except (OSError, ValueError):
            pass
print("WROTE", wrote)
"""

_EARLY_IDLE = """\
kernel = get_ipython().kernel
session, socket = kernel.session, kernel.iopub_socket
parent = kernel.get_parent()
for n in range(50):
    session.send(socket, "status", {"execution_state": "idle"}, parent=parent)
    session.send(kernel.shell_streams[0] if getattr(kernel, "shell_streams", None) else kernel.shell_stream, "execute_reply",
                 {"status": "ok", "execution_count": n}, parent=parent)
import time; time.sleep(1)
print("late")
"""

_MALFORMED = """\
kernel = get_ipython().kernel
session, socket = kernel.session, kernel.iopub_socket
parent = kernel.get_parent()
for kind, content in [
    ("stream", {}), ("stream", {"name": 7, "text": None}), ("stream", {"name": "stdout", "text": ["x"]}), ("error", {}),
    ("error", {"ename": None, "evalue": {}, "traceback": 9}), ("display_data", {"data": 7}), ("execute_result", {}),
    ("update_display_data", {"transient": {"display_id": []}}), ("clear_output", {}), ("comm_open", {}), ("comm_msg", 9),
    ("nonsense", {"a": 1}), ("status", {}), ("status", {"execution_state": []}), ("execute_input", {}),
]:
    session.send(socket, kind, content, parent=parent)
"""

_BAD_FRAMES = """\
kernel = get_ipython().kernel
frames = [[b""], [b"x"] * 3, [b"<IDS|MSG>"], [b"stream", b"<IDS|MSG>", b"0" * 64, b"{}", b"{}", b"{}", b"{}"],
          [b"stream", b"<IDS|MSG>", b"", b"[" * 5000, b"{", b"\\xff", b"null"], [b"a" * 1000] * 200]
for frame in frames:
    kernel.iopub_socket.send_multipart(frame)
"""

_FLOOD = """\
kernel = get_ipython().kernel
session, socket = kernel.session, kernel.iopub_socket
parent = kernel.get_parent()
for n in range(30_000):
    session.send(socket, "stream", {"name": "stdout", "text": "x" * 1000}, parent=parent)
"""

# The kernel's signing key lies in its own memory, so it can speak as any cell: of its own notebook, and no further.
_ANOTHER_CELL = """\
kernel = get_ipython().kernel
for header in ({"msg_id": "0"}, {"msg_id": kernel.get_parent()["header"]["msg_id"][:-1] + "9"}, {}):
    kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "cloudberry"}, parent={"header": header})
"""

_SOCKETS = """\
import glob, json, os, socket
import zmq
context = zmq.Context()
for path in glob.glob(os.path.expanduser("~/.r/*")) + glob.glob("/tmp/**/k-*", recursive=True):
    for kind in (zmq.DEALER, zmq.PUSH):
        with context.socket(kind) as client:
            client.linger = 0
            try:
                client.connect(f"ipc://{path}")
                for _ in range(100):
                    client.send_multipart([b"<IDS|MSG>", b"0" * 64, b'{"msg_type": "shutdown_request"}', b"{}", b"{}", b"{}"], zmq.NOBLOCK)
            except zmq.ZMQError: pass
    try: os.unlink(path)
    except OSError: pass
"""

# What a grader that unpickled anything would run. The mark would be found after the batch.
_PICKLES = """\
import os, pickle
from IPython.display import display
class Payload:
    def __reduce__(self): return (os.system, ("touch /tmp/unpickled-by-the-grader",))
data = pickle.dumps(Payload())
for folder in (".", "/tmp", os.environ["HOME"], "/dev/shm"):
    for name in ("result.pkl", "job.pickle", "cache.pkl", "k.json", ".r/k.json"):
        try:
            with open(os.path.join(folder, name), "wb") as file: file.write(data)
        except OSError: pass
display({"application/x-pickle": data.hex(), "text/plain": data.decode("latin-1")}, raw=True)
"""

FORGING = {
    "hostile-writes-result": plain(_RESULT_FILES, needs=FILES),
    "hostile-prints-a-result": plain(_PRINTED),
    "hostile-writes-to-every-handle": Submitted(
        [("facts", TOTAL_AND_FLAG + "\n" + _HANDLES)], 2, needs=NAMESPACES
    ),
    "hostile-says-idle-early": plain(_EARLY_IDLE, WORK, expected=ALL_PLAIN),
    "hostile-malformed-messages": plain(_MALFORMED, ("work", "1")),
    "hostile-broken-frames": plain(_BAD_FRAMES, ("work", "1")),
    "hostile-floods-the-kernels-socket": plain(_FLOOD, ("work", "1")),
    "hostile-speaks-as-another-cell": plain(_ANOTHER_CELL, ("work", "1")),
    "hostile-connects-to-the-kernels-sockets": plain(_SOCKETS, ("work", "1")),
    "hostile-pickles": plain(_PICKLES, ("work", "1"), needs=FILES),
}
