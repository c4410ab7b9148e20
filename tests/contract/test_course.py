"""The launcher: all three answer, all three stop, and nothing is left."""

import errno
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from course.ports import HOST, choose

ROOT = Path(__file__).resolve().parent.parent.parent
PROXYLESS = urllib.request.build_opener(urllib.request.ProxyHandler({}))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the launcher is for Linux and macOS")


class Course:
    """A running launcher. ``output`` grows as it is read; ``addresses`` are the three that it printed."""

    def __init__(self, tmp_path: Path, *options: str, **environment: str) -> None:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "index.html").write_text("<h1>the site</h1>")
        command = [sys.executable, "-m", "course", "--sandbox-port=0", "--site-port=0", "--jupyter-port=0"]
        places = [f"--state={tmp_path / 'state'}", f"--site={site}", f"--labs={tmp_path}"]
        self.process = subprocess.Popen(
            [*command, *places, *options],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            assert line, f"the launcher ended: {self.output}"
            self.output += line
        return self.output

    def addresses(self) -> list[str]:
        return re.findall(r"http://127\.0\.0\.1:\S+", self.read_until("Ctrl-C stops all three"))

    def children(self) -> set[int]:
        """Every process below the launcher, the functions' environments included."""
        table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in table.splitlines())}
        below, found = {self.process.pid}, set[int]()
        while below:
            below = {pid for pid, parent in parents.items() if parent in below}
            found |= below
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.output += rest
        return self.process.returncode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Course]]:
    """Start launchers that end with the test, whatever happens."""
    started: list[Course] = []

    def start(*options: str, **environment: str) -> Course:
        started.append(Course(tmp_path, *options, **environment))
        return started[-1]

    yield start
    for course in started:
        if course.process.poll() is None:
            course.stop(signal.SIGTERM)


@pytest.fixture
def course(start: Callable[..., Course]) -> Course:
    return start()


def get(address: str, **headers: str) -> tuple[int, bytes]:
    try:
        with PROXYLESS.open(urllib.request.Request(address, headers=headers), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def alive(processes: set[int]) -> dict[int, str]:
    """The processes that still run, with their state; one that only waits to be collected by init does not."""
    found: dict[int, str] = {}
    for pid in processes:
        try:
            found[pid] = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] + _command(pid)
        except OSError:
            continue
    return {pid: state for pid, state in found.items() if not state.startswith("Z")}


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["SIGINT", "SIGHUP"])
def test_all_three_answer_and_a_signal_leaves_nothing_behind(course: Course, number: int) -> None:
    sandbox, site, jupyter = course.addresses()
    assert json.loads(get(f"{sandbox}/_sandbox/health")[1])["status"] == "ok"
    assert get(site) == (200, b"<h1>the site</h1>")
    token = jupyter.split("token=")[1]
    base = jupyter.split("/lab?")[0]
    status, _ = get(f"{base}/api/status", Authorization=f"token {token}")
    assert status == 200
    processes = course.children()
    assert len(processes) >= 3
    assert course.stop(number) == 0
    assert "All three have stopped." in course.output
    assert alive(processes) == {}
    for address in (sandbox, site, base):
        with socket.socket() as probe:
            port = int(address.split(":")[2].split("/")[0])
            assert probe.connect_ex((HOST, port)) != 0


def test_jupyter_asks_for_its_token_and_knows_the_sandbox(course: Course) -> None:
    sandbox, _, jupyter = course.addresses()
    base = jupyter.split("/lab?")[0]
    assert get(f"{base}/api/contents")[0] == 403
    if sys.platform == "linux":
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in course.children()]
        assert any(f"LAMBDA_SANDBOX_ENDPOINT={sandbox}".encode() in each for each in environments)
        command_lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in course.children()]
        assert not any(jupyter.split("token=")[1].encode() in each for each in command_lines)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_cell_that_runs_before_connect_reaches_the_sandbox_and_not_the_learners_account(
    start: Callable[..., Course],
) -> None:
    """As after a restart of the kernel. The learner has a profile of their own."""
    course = start(AWS_PROFILE="mine", AWS_SESSION_TOKEN="a-real-one")
    sandbox, _, _ = course.addresses()
    environments = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in course.children()]
    jupyters = [each for each in environments if any(one.startswith(b"JUPYTER_TOKEN=") for one in each)]
    assert jupyters
    for each in jupyters:
        assert f"AWS_ENDPOINT_URL={sandbox}".encode() in each
        assert f"AWS_SHARED_CREDENTIALS_FILE={os.devnull}".encode() in each
        assert not any(one.startswith((b"AWS_PROFILE=", b"AWS_SESSION_TOKEN=")) for one in each)


def test_site_answers_this_machine_only(course: Course) -> None:
    _, site, _ = course.addresses()
    assert get(site, Host="elsewhere.example")[0] == 403


def test_when_one_dies_the_others_stop_and_its_last_words_are_shown(course: Course) -> None:
    course.addresses()
    processes = course.children()
    table = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in table.splitlines()]
    (victim,) = (
        int(pid)
        for pid, parent, command in rows
        if int(parent) == course.process.pid and "jupyterlab" in command
    )
    os.kill(victim, signal.SIGKILL)
    rest, _ = course.process.communicate(timeout=60)
    assert course.process.returncode == 1
    assert "JupyterLab ended by signal SIGKILL. Its last lines" in rest
    assert alive(processes) == {}


def test_a_service_that_cannot_start_is_named_with_its_last_lines(start: Callable[..., Course]) -> None:
    course = start(LAMBDA_SANDBOX_ISOLATION="none of the three")
    output, _ = course.process.communicate(timeout=60)
    assert course.process.returncode == 1
    assert "The sandbox ended with exit code" in output
    assert "  | " in output
    assert "LAMBDA_SANDBOX_ISOLATION is none of the three" in output


def test_a_port_in_use_is_said_and_the_next_free_one_taken(start: Callable[..., Course]) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        course = start(f"--site-port={port}")
        chosen = int(course.addresses()[1].split(":")[2].split("/")[0])
        assert chosen > port
        assert f"Port {port} is in use; the site takes {chosen} instead." in course.output
        assert course.stop() == 0


def test_ports_that_other_services_have_been_given_are_not_given_again() -> None:
    first = choose(0)
    assert choose(first, [first]) != first


def test_without_a_built_site_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "course", f"--site={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "run: make site" in done.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "--sandbox-port=-1",
            "argument --sandbox-port: '-1' is not a whole number from 0 to 65535; see python -m",
        ),
        ("--site-port=x", "argument --site-port: 'x' is not a whole number from 0 to 65535; see python -m"),
        ("--jupyter-port=65536", "argument --jupyter-port: '65536' is not a whole number"),
        ("--kiwi", "unrecognized arguments: --kiwi; see python -m course --help"),
        ("--labs=nowhere", "nowhere is no folder; name the one with the labs, or leave --labs out"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(tmp_path: Path, option: str, sentence: str) -> None:
    (tmp_path / "index.html").touch()
    done = subprocess.run(
        [sys.executable, "-m", "course", f"--site={tmp_path}", f"--state={tmp_path}", option],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_of_the_administrator_is_not_said_to_be_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may listen on any port, and tests may run as root.
    def refuse(probe: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OSError, match="port 80 is the administrator's; name one from 1024 on"):
        choose(80)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_launcher_takes_the_services_with_it(course: Course) -> None:
    course.addresses()
    ends = [os.pidfd_open(pid) for pid in course.children()]
    course.process.kill()
    course.process.communicate(timeout=60)
    for end in ends:  # readable once its process has ended
        assert select.select([end], [], [], 30)[0]
        os.close(end)
