"""Submissions that reach for other processes, the network, and the machine itself."""

from __future__ import annotations

from ..submitted import CONNECT, NAMESPACES, TOTAL_AND_FLAG, Submitted, plain

_NETWORK = """\
import os, socket
reached = []
for address in (("192.0.2.1", 80), ("169.254.169.254", 80), ("10.0.0.1", 22), ("2001:db8::1", 443)):
    try:
        socket.create_connection(address, timeout=0.3)
        reached.append(address)
    except OSError as error:
        print(address, type(error).__name__, error.errno)
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp: udp.sendto(b"x", ("192.0.2.1", 53)); reached.append("udp")
except OSError: pass
for family in (17, 31, 38, 40):  # packets, Bluetooth, the kernel's ciphers, the host of a virtual machine
    try: socket.socket(family, socket.SOCK_STREAM if family == 40 else socket.SOCK_RAW).close(); reached.append(family)
    except OSError: pass
try: reached.append(socket.getaddrinfo("amazonaws.com", 443))
except OSError: pass
for line in [*open("/proc/net/tcp"), *open("/proc/net/tcp6")]:  # who else listens here: another sandbox, the grader
    words = line.split()
    mine = words[7] == str(os.getuid())  # the kernel itself listens for its debugger
    if words[3] == "0A" and not mine and int(words[1].split(":")[1], 16) != 9000: reached.append(line)
print("REACHED", reached)
"""

_REAL_AWS = """\
import os, boto3, urllib.request
os.environ.update(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="x", AWS_ENDPOINT_URL="https://sts.amazonaws.com")
called = []
for call in (lambda: boto3.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity(),
             lambda: boto3.Session().client("s3", endpoint_url="https://s3.amazonaws.com").list_buckets(),
             lambda: urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1).read()):
    try: called.append(call())
    except Exception as error: print(type(error).__name__)
print("REACHED", called)
"""

_SIGNALS = """\
import os, signal
for pid in [1, 2, os.getppid(), -1, *(int(name) for name in os.listdir("/proc") if name.isdigit())]:
    if pid not in (os.getpid(), 0):
        for sent in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1, signal.SIGALRM):
            try: os.kill(pid, sent)
            except (ProcessLookupError, PermissionError, OverflowError): pass
"""

_PTRACE = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
done = []
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
    for request in (16, 0x4206):  # attach, seize
        if libc.ptrace(request, pid, 0, 0) == 0: done.append(("ptrace", pid))
    buffer = ctypes.create_string_buffer(64)
    if libc.process_vm_readv(pid, ctypes.byref(buffer), 1, ctypes.byref(buffer), 1, 0) > 0: done.append(("read", pid))
    for name in ("mem", "environ", "maps"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file: done.append((name, pid)) if file.read(1) else None
        except OSError: pass
    try:
        with open(f"/proc/{pid}/mem", "r+b"): done.append(("write", pid))
    except OSError: pass
print("DONE", done)
"""

_LEAVES = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
out = []
for path in ("/proc/1/root/etc", "/proc/1/cwd", "/proc/self/root/../..", "../../../../../etc/passwd"):
    try: out.append((path, os.listdir(path) if os.path.isdir(path) else open(path).read(20)))
    except OSError: pass
for name in ("link", "/tmp/link", "lab.ipynb", "events"):
    try: os.symlink("/", name)
    except OSError: pass
for flags in (0x10000000, 0x20000000, 0x00020000):
    if libc.unshare(flags) == 0: out.append(("unshare", flags))
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: out.append("mount")
if libc.chroot(b".") == 0: out.append("chroot")
for identity in (os.setuid, os.setgid):
    try: identity(0); out.append("root")
    except OSError: pass
for path in ("/etc/cron.d/x", "/root/.bashrc", "/usr/lib/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/fs/cgroup/x"):
    try:
        with open(path, "w") as file: out.append(path)
    except OSError: pass
print("OUT", [entry for entry in out if entry[0] not in ("/proc/1/cwd", "/proc/self/root/../..")])
"""

_PRIORITIES = """\
import ctypes, os, resource
for number in range(16):
    try: resource.setrlimit(number, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError): pass
try: os.nice(-20)
except OSError: pass
try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
except OSError: pass
print("LIMIT", resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY, os.nice(0) < 0,
      open("/proc/self/oom_score_adj").read().strip() != "1000")
"""

MACHINE = {
    "hostile-network": Submitted([CONNECT, ("facts", TOTAL_AND_FLAG + "\n" + _NETWORK)], 2, needs=NAMESPACES),
    "hostile-real-aws": Submitted(
        [CONNECT, ("facts", TOTAL_AND_FLAG + "\n" + _REAL_AWS)], 2, needs=NAMESPACES
    ),
    "hostile-signals": plain(_SIGNALS, ("work", "1"), needs=NAMESPACES),
    "hostile-ptrace": Submitted([("facts", TOTAL_AND_FLAG + "\n" + _PTRACE)], 2, needs=NAMESPACES),
    "hostile-leaves-its-folders": Submitted(
        [("facts", TOTAL_AND_FLAG + "\n" + _LEAVES)], 2, needs=NAMESPACES
    ),
    "hostile-raises-its-limits": Submitted(
        [("facts", TOTAL_AND_FLAG + "\n" + _PRIORITIES)], 2, needs=NAMESPACES
    ),
}
