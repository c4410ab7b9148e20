"""What an execution environment sees of the disk: the interpreter, the runtime's folder with boto3, and little else."""

from __future__ import annotations

import compileall
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lambda_sandbox.environments import node_modules
from lambda_sandbox.environments import openings as opened
from lambda_sandbox.environments.openings import ENDPOINT_PORT, Opening
from lambda_sandbox.environments.runtimes import registry

_HERE = Path(__file__).parent
_SCRIPTS = (
    _HERE / "launcher.py",
    _HERE / "packets.py",
    _HERE / "runtime_process.py",
    _HERE / "entry_advice.py",
    _HERE / "namespaces.py",
    _HERE / "confinement.py",
    _HERE / "networks.py",
    _HERE / "memory_holes.py",
    _HERE / "extension_processes.py",
    _HERE / "zygote.py",
    *sorted((_HERE / "runtimes").glob("python_*.py")),
    *sorted((_HERE / "runtimes").glob("node_*.mjs")),
    _HERE / "runtimes" / "ruby_client.rb",
    _HERE / "runtimes" / "JavaClient.java",
    _HERE / "runtimes" / "wait_for_client.py",
)
# What AWS's Python runtimes bring along, and no more: a function that needs another package must bring it.
_PACKAGES = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "urllib3",
    "six",
    "snapshot_restore_py",
    "aws_durable_execution_sdk_python",  # AWS: from Python 3.13 on; here wherever it is installed beside the sandbox
)
_DISTRIBUTIONS = {"dateutil": "python_dateutil"}  # where they have another name than their package
_NATIVE_PACKAGES = ("awslambdaric", "runtime_client", "simplejson")
_TEXTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/tmp:/sbin/nologin\n",
    "/etc/group": "root:x:0:\nsbx_group1051:x:990:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox sandbox.localdomain\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# Where distributions keep the certificates of public authorities; what lies beside them may be private.
_AUTHORITIES = (
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
)
_AUTHORITIES_FILES = ("/etc/ssl/cert.pem", "/etc/pki/tls/cert.pem")

# What programs look up to know names, times and addresses.
_SETTINGS = tuple(
    f"/etc/{name}"
    for name in (
        "passwd", "group", "hosts", "host.conf", "gai.conf", "nsswitch.conf", "resolv.conf", "services", "protocols",
        "localtime", "timezone", "mime.types", "ld.so.conf", "ld.so.conf.d", "ssl/openssl.cnf",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """``python`` is the interpreter inside; ``folders`` and ``files`` map a path inside to one on the host."""

    runtime: Path
    python: str
    folders: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def find_packages(native: bool) -> dict[str, str]:
    """Return the runtime's packages by file name, with their places on the host. One that is missing is left out."""
    found: dict[str, str] = {}
    for name in _PACKAGES + (_NATIVE_PACKAGES if native else ()):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin)
        place = place.parent if place.name == "__init__.py" else place
        found[place.name] = os.path.realpath(place)
        for libraries in place.parent.glob(f"{name}.libs"):
            found[libraries.name] = os.path.realpath(libraries)
    return found


def build(
    folder: Path, native: bool, bare: bool, openings: Sequence[Opening] = (), port: int = ENDPOINT_PORT
) -> Image:
    """Fill ``folder`` (private, empty) with the runtime's own files and return the image.

    ``bare`` is for environments without isolation: packages become links and nothing is mounted. ``openings`` are what
    the others may reach of the network, and ``port`` is the sandbox's own.
    """
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o755)
    folder.chmod(0o755)
    (runtime / "etc").mkdir(mode=0o755)
    texts = {**_TEXTS, "/etc/hosts": _TEXTS["/etc/hosts"] + opened.hosts_lines(openings)}
    opened.write(openings, runtime)
    opened.write_endpoint_port(port, runtime)
    for name, text in texts.items():
        (runtime / "etc" / os.path.basename(name)).write_text(text)
    for script in _SCRIPTS:
        shutil.copy(script, runtime / script.name)
        (runtime / script.name).chmod(0o644)
    compileall.compile_dir(runtime, quiet=2)
    packages = find_packages(native)
    _tell_versions(packages.values(), runtime)
    if bare:
        for name, place in packages.items():
            (runtime / name).symlink_to(place)
        return Image(runtime, os.path.realpath(sys.executable))
    # Where the packages of ``--node-modules`` are mounted for Node.js functions.
    (runtime / node_modules.NAME).mkdir(mode=0o755)
    for name, place in packages.items():
        if os.path.isdir(place):
            (runtime / name).mkdir(mode=0o755)
        else:
            (runtime / name).touch(mode=0o644)
    image = _isolated(runtime, packages, texts)
    if openings:
        image.folders.update({place: place for place in _AUTHORITIES if os.path.isdir(place)})
        image.files.update({place: place for place in _AUTHORITIES_FILES if os.path.isfile(place)})
    return image


def _tell_versions(places: Iterable[str], runtime: Path) -> None:
    """Let ``importlib.metadata`` know the packages' versions: tracers ask for them before they trace a library.

    UNCONFIRMED: AWS's runtimes are taken to have it beside each of them, where pip leaves it. Copies: each mount takes time.
    """
    for place in map(Path, places):
        name = _DISTRIBUTIONS.get(place.name, place.stem)
        for found in place.parent.glob(f"{name}-*.dist-info/METADATA"):
            (runtime / found.parent.name).mkdir(mode=0o755, exist_ok=True)
            shutil.copyfile(found, runtime / found.parent.name / found.name)


def readable_in_place(image: Image, native: bool) -> list[str]:
    """Return what a function needs of the host where nothing is mounted: what an isolated one would see, at its own place.

    ``/proc`` is among it, as it cannot be another one; Landlock closes what is another process's own in there.
    """
    mounted = _isolated(image.runtime, find_packages(native), {})
    tops = [f"/{name}" for name in ("usr", "bin", "lib", "lib32", "lib64", "libx32", "sbin", "opt", "proc")]
    places = [
        *tops,
        *mounted.folders.values(),
        *mounted.files.values(),
        *_SETTINGS,
        *_AUTHORITIES,
        *_AUTHORITIES_FILES,
    ]
    return sorted({os.path.realpath(place) for place in places if os.path.exists(place)})


def _isolated(runtime: Path, packages: dict[str, str], texts: dict[str, str]) -> Image:
    folders = {"/usr": "/usr", "/var/lang": os.path.realpath(sys.base_prefix), "/var/runtime": str(runtime)}
    folders |= registry.folders()
    files: dict[str, str] = {}
    links = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0"}
    links |= {"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"}
    for name, place in packages.items():
        (folders if os.path.isdir(place) else files)[f"/var/runtime/{name}"] = place
    for name in ("bin", "lib", "lib32", "lib64", "libx32", "sbin"):
        top = Path("/", name)
        if top.is_symlink():
            links[f"/{name}"] = f"usr/{name}"
        elif top.is_dir():
            folders[f"/{name}"] = str(top)
    if os.path.exists("/etc/ld.so.cache"):
        files["/etc/ld.so.cache"] = "/etc/ld.so.cache"
    if os.path.isdir("/etc/alternatives"):
        folders["/etc/alternatives"] = "/etc/alternatives"
    executable = f"/var/lang/bin/{os.path.basename(os.path.realpath(sys.executable))}"
    return Image(runtime, executable, folders, files, links, texts)
