from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.environments.blanks import Ahead, Kind
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.environments.runtimes import toolchains
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Exit
from tests.isolation.stage import Stage, stage

LEVELS = ["auto", "none"]
Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


def open_folders(folder: Path) -> None:
    """Let the function's user through to the code."""
    for place in (folder, *list(folder.parents)[:2]):
        place.chmod(0o755)


@pytest.fixture(params=LEVELS)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    open_folders(tmp_path)

    def run(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with stage(tmp_path, request.param) as on_stage:
                await scene(on_stage)

        asyncio.run(main())

    return run


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


TMP = """
    import os, tempfile
    def handler(event, context):
        path = tempfile.gettempdir() + "/state"
        before = os.path.exists(path)
        open(path, "w").close()
        if event == "exit":
            os._exit(1)
        return before
"""


def test_a_reset_keeps_tmp_and_a_stop_does_not(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        code = on_stage.write(TMP)
        first = on_stage.start(code)
        assert await on_stage.invoke(first) is False
        assert await on_stage.invoke(first) is True
        on_stage.environments.stop(first, keep_tmp=True)
        on_stage.start(code, first)
        assert await on_stage.invoke(first) is True
        on_stage.environments.stop(first, keep_tmp=False)
        on_stage.start(code, first)
        assert await on_stage.invoke(first) is False

    play(scene)


def test_an_exit_keeps_tmp_for_the_reset_that_follows(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        code = on_stage.write(TMP)
        environment_id = on_stage.start(code)
        await on_stage.send(environment_id, "exit")
        assert await on_stage.answer(environment_id) == Exit(code=1)
        on_stage.start(code, environment_id)
        assert await on_stage.invoke(environment_id) is True

    play(scene)


def test_a_stopped_environment_reports_nothing_more(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start("def handler(event, context):\n    return 1\n")
        await on_stage.ready(environment_id)
        pid = on_stage.environments._environments[environment_id].runtime_pid
        fd = os.pidfd_open(pid)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, ended.set)
        on_stage.environments.stop(environment_id)
        await asyncio.wait_for(ended.wait(), 10)
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        await on_stage.environments.close()
        assert on_stage._answers[environment_id].empty()
        assert on_stage.environments.peak_memory_mb(environment_id) == 0

    play(scene)


def test_stop_before_the_launcher_has_said_a_word_ends_it(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start("def handler(event, context):\n    return 1\n")
        on_stage.environments.stop(environment_id)
        await on_stage.environments.close()
        assert not on_stage.environments._ending

    play(scene)


def test_stop_ends_what_the_function_started(play: Play) -> None:
    source = """
        import os, subprocess
        def handler(event, context):
            subprocess.Popen(["sleep", "86398"], start_new_session=True)
            return "started"
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, memory_mb=512)
        await on_stage.invoke(environment_id)
        pid = on_stage.environments._environments[environment_id].runtime_pid
        children = children_of(pid)
        assert len(children) == 1
        fd = os.pidfd_open(int(children[0]))
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, ended.set)
        on_stage.environments.stop(environment_id)
        await asyncio.wait_for(ended.wait(), 10)
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)

    play(scene)


def test_a_frozen_environment_does_not_run_until_it_is_thawed(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start("def handler(event, context):\n    return event\n")
        connection = await on_stage.ready(environment_id)
        on_stage._ready[environment_id].put_nowait(connection)
        on_stage.environments.freeze(environment_id)
        await on_stage.send(environment_id, 5)
        pid = on_stage.environments._environments[environment_id].runtime_pid
        deadline = time.monotonic() + 10
        while state_of(pid) != "T":  # the signal takes effect when the process is next scheduled
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
        assert on_stage._answers[environment_id].empty()
        on_stage.environments.thaw(environment_id)
        answer = await on_stage.answer(environment_id)
        assert isinstance(answer, dict)
        assert answer["result"] == b"5"

    play(scene)


def test_peak_memory_grows_with_what_the_function_holds(play: Play) -> None:
    source = """
        def handler(event, context):
            return len(b"x" * (event << 20))
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, memory_mb=512)
        await on_stage.invoke(environment_id, 1)
        before = on_stage.environments.peak_memory_mb(environment_id)
        assert 5 < before < 60
        await on_stage.invoke(environment_id, 100)
        grown = on_stage.environments.peak_memory_mb(environment_id) - before
        assert 95 <= grown <= 105
        await on_stage.invoke(environment_id, 1)
        assert on_stage.environments.peak_memory_mb(environment_id) == before + grown

    play(scene)


def test_files_written_to_tmp_are_not_memory_of_the_function(play: Play) -> None:
    source = """
        import tempfile
        def handler(event, context):
            with open(tempfile.gettempdir() + "/big", "wb") as file:
                for _ in range(100):
                    file.write(bytes(1 << 20))
    """

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source, memory_mb=512)
        await on_stage.invoke(environment_id)
        assert on_stage.environments.peak_memory_mb(environment_id) < 60

    play(scene)


def test_start_returns_at_once(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        code = on_stage.write("import time\ntime.sleep(30)\ndef handler(event, context): pass\n")
        before = time.perf_counter()
        on_stage.start(code)
        assert time.perf_counter() - before < 1

    play(scene)


def test_endless_output_does_not_hold_the_sandbox_up(play: Play) -> None:
    source = """
        def handler(event, context):
            while event:
                print("x" * 1000)
            return "quiet"
    """

    async def scene(on_stage: Stage) -> None:
        loud, quiet = on_stage.start(source), on_stage.start(source)
        await on_stage.send(loud, True)
        assert await on_stage.invoke(quiet, False) == "quiet"
        on_stage.environments.stop(loud)

    play(scene)


def test_later_layers_cover_earlier_ones(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        layers = [
            on_stage.write({"python/shared.py": "NAME = 'first'", "python/only.py": "NAME = 'one'"}),
            on_stage.write({"python/shared.py": "NAME = 'second'"}),
        ]
        code = on_stage.write("import shared, only\ndef handler(e, c): return [shared.NAME, only.NAME]\n")
        environment_id = on_stage.start("x = 1")
        on_stage.environments.stop(environment_id)
        on_stage.environments.start(environment_id, on_stage.function(), code, layers)
        assert await on_stage.invoke(environment_id) == ["second", "one"]

    play(scene)


def test_a_package_of_the_function_comes_before_the_runtimes(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        files = {"app.py": "import boto3\ndef handler(e, c): return boto3.MINE\n", "boto3.py": "MINE = 1"}
        assert await on_stage.run(files) == 1

    play(scene)


def test_a_runtime_that_cannot_run_here_fails_its_init_with_one_sentence(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchains, "find_dotnet", tuple)

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start("x = 1", runtime="dotnet8")
        await on_stage.ended(environment_id)
        assert b"dotnet8: " in on_stage.logs[environment_id]
        assert on_stage.init_errors[0]["error_type"] == "Sandbox.RuntimeNotInstalled"

    play(scene)


BLANK = """
    import os, tempfile
    def handler(event, context):
        path = tempfile.gettempdir() + "/state"
        disk = os.statvfs(tempfile.gettempdir())
        before = os.path.exists(path)
        open(path, "w").close()
        size_mb = disk.f_blocks * disk.f_frsize >> 20
        return [os.environ["AWS_LAMBDA_FUNCTION_NAME"], before, size_mb, os.path.exists("/.host/etc"), os.getpid()]
"""


async def waiting(
    on_stage: Stage, runtime_ahead: bool = True, kind: Kind | None = None
) -> RunningEnvironment:
    """Return a blank environment once there is one that is ready."""
    kind = kind or Kind("", Ahead() if runtime_ahead else None)
    for _ in range(2000):
        kept = on_stage.environments._blanks._kept.get(kind, [])
        if kept and kind.ready(kept[0]):
            return kept[0]
        await asyncio.sleep(0.01)
    raise AssertionError("no blank environment came")


@pytest.mark.parametrize("blanks", [1, 0], ids=["with the runtime's process", "with the launcher only"])
def test_a_waiting_environment_becomes_a_functions_own(tmp_path: Path, blanks: int) -> None:
    async def main() -> None:
        async with stage(tmp_path, blank_environments=blanks) as on_stage:
            if on_stage.environments.isolation.level != "namespaces":
                pytest.skip("only the zygote keeps environments waiting")
            blank = await waiting(on_stage, runtime_ahead=bool(blanks))
            pids = blank.launcher_pid, blank.runtime_pid
            assert bool(pids[1]) == bool(blanks)
            code = on_stage.write(BLANK)
            first = on_stage.start(code, ephemeral_storage_mb=600, memory_mb=256, runtime="python3.11")
            assert on_stage.environments._environments[first] is blank
            name, before, size_mb, sees_host, _ = await on_stage.invoke(first)
            assert (name, before, size_mb, sees_host) == ("demo", False, 600, False)
            assert blank.launcher_pid == pids[0]
            assert blank.runtime_pid == pids[1] or not blanks
            on_stage.environments.stop(first, keep_tmp=True)
            on_stage.start(code, first, ephemeral_storage_mb=600, runtime="python3.11")
            assert (await on_stage.invoke(first))[1:3] == [True, 600]

    open_folders(tmp_path)
    asyncio.run(main())


def say(environment: RunningEnvironment, text: bytes) -> None:
    """Print for an environment."""
    Path(f"/proc/{environment.launcher_pid}/fd/1").write_bytes(text)


LATER = """
    import subprocess
    def handler(event, context):
        subprocess.Popen(["sh", "-c", "sleep 0.1; echo later"])
"""


def test_what_a_waiting_environment_says_is_nobodys_and_what_it_says_later_its_functions(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with stage(tmp_path, blank_environments=1) as on_stage:
            if on_stage.environments.isolation.level != "namespaces":
                pytest.skip("only the zygote keeps environments waiting")
            blank = await waiting(on_stage)
            say(blank, b"too early\n")
            await asyncio.sleep(0.05)
            first = on_stage.start(LATER, runtime="python3.11")
            assert on_stage.environments._environments[first] is blank
            await on_stage.invoke(first)
            for _ in range(200):
                if on_stage.logs[first]:
                    break
                await asyncio.sleep(0.01)
            assert on_stage.logs[first] == b"later\n"

    open_folders(tmp_path)
    asyncio.run(main())


NODE = """
    import fs from "node:fs";
    export const handler = async () => {
      const files = fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync(`/proc/self/fd/${fd}`); } catch { return ""; } });
      return { cwd: process.cwd(), argv: process.argv, env: process.env, pid: process.ppid,
               sockets: files.filter((name) => name.startsWith("socket:")).length };
    };
"""


def test_a_program_that_waited_is_the_functions_as_if_it_had_started_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on_stage:
            environments = on_stage.environments
            if environments.isolation.level != "namespaces" or not toolchains.find_node():
                pytest.skip("needs the zygote and Node.js")
            code = on_stage.write({"app.mjs": NODE})

            async def run(**variables: str) -> tuple[RunningEnvironment, dict[str, Any]]:
                environment_id = on_stage.start(code, runtime="nodejs22.x", environment=variables)
                answer: dict[str, Any] = await on_stage.invoke(environment_id)
                environments.init_finished(environment_id)
                return environments._environments[environment_id], answer

            await waiting(on_stage, runtime_ahead=True)
            _, fresh = await run(SHOP="fresh")
            kind = next(kind for kind in environments._blanks._kept if kind.ahead and kind.ahead.command)
            blank = await waiting(on_stage, kind=kind)
            pid = blank.runtime_pid
            environment, other = await run(SHOP="other", NODE_OPTIONS="--no-warnings")
            assert environment is not blank  # Node.js reads that one when it starts
            environment, ahead = await run(SHOP="ahead")
            assert (environment, environment.runtime_pid) == (blank, pid)
            assert fresh["env"].pop("SHOP") + ahead["env"].pop("SHOP") == "freshahead"
            for answer in (fresh, ahead):
                for name in ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL"):
                    answer["env"].pop(name)
            assert ahead == fresh
            assert other["env"]["NODE_OPTIONS"] == "--no-warnings"

    open_folders(tmp_path)
    asyncio.run(main())


def parent_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


def test_a_program_that_waits_for_nobody_any_more_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on_stage:
            environments = on_stage.environments
            if environments.isolation.level != "namespaces" or not toolchains.find_node() or os.getuid():
                pytest.skip("needs the zygote, Node.js and root, who may look into the zygote")
            code = on_stage.write({"app.mjs": "export const handler = async () => 1;"})
            kept = environments._blanks._kept
            blank = await waiting(on_stage)
            zygote = parent_of(blank.launcher_pid)
            # The size of the heap is in the command: these are one more than are kept.
            for memory_mb in (128, 256, 384, 512):
                running = on_stage.start(code, runtime="nodejs22.x", memory_mb=memory_mb)
                await on_stage.invoke(running)
                environments.init_finished(running)
                environments.stop(running)
                kind = next(kind for kind in reversed(kept) if kind.ahead and kind.ahead.command)
                await waiting(on_stage, kind=kind)
            for _ in range(500):
                names = set(os.listdir(f"/proc/{zygote}/root/.kept"))
                if names == {blank.tmp_key for kind in kept for blank in kept[kind]}:
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError(names)

    open_folders(tmp_path)
    asyncio.run(main())


def some_library() -> Path:
    """Return a shared library of this machine that has ``cos``."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return Path(next(line.split()[-1] for line in lines if "/libm" in line and ".so" in line))


@pytest.mark.parametrize("place", ["lib/libshop.so.1", "libshop.so.1", "layer"])
def test_libraries_that_a_package_or_layer_brings_are_found_by_their_name(play: Play, place: str) -> None:
    async def scene(on_stage: Stage) -> None:
        source = """
            import ctypes
            def handler(event, context):
                cos = ctypes.CDLL("libshop.so.1").cos
                cos.restype, cos.argtypes = ctypes.c_double, [ctypes.c_double]
                return cos(0.0)
        """
        code, layer = on_stage.write(source), on_stage.write({"python/other.py": ""})
        library = layer / "lib/libshop.so.1" if place == "layer" else code / place
        library.parent.mkdir(exist_ok=True)
        shutil.copy(some_library(), library)
        environment_id = on_stage.start("x = 1")
        on_stage.environments.stop(environment_id)
        on_stage.environments.start(environment_id, on_stage.function(), code, [layer])
        assert await on_stage.invoke(environment_id) == 1.0

    play(scene)


def test_a_waiting_environment_that_died_is_replaced_and_nobody_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on_stage:
            if on_stage.environments.isolation.level != "namespaces":
                pytest.skip("only the zygote keeps environments waiting")
            kept = on_stage.environments._blanks._kept
            for runtime_ahead in (False, True):
                blank = await waiting(on_stage, runtime_ahead)
                os.kill(blank.launcher_pid, 9)
                for _ in range(500):
                    if blank not in kept[Kind("", Ahead() if runtime_ahead else None)]:
                        break
                    await asyncio.sleep(0.01)
            code = on_stage.write("def handler(event, context):\n    return 'ran'\n")
            assert await on_stage.invoke(on_stage.start(code)) == "ran"

    open_folders(tmp_path)
    asyncio.run(main())


def test_an_unknown_isolation_is_refused() -> None:
    with pytest.raises(SandboxFault, match=r"^isolation is one of auto, bwrap, none, not docker$"):
        Config(isolation="docker")


def test_nothing_is_left_after_close(tmp_path: Path) -> None:
    async def main() -> None:
        fds = len(os.listdir("/proc/self/fd"))
        async with stage(tmp_path) as on_stage:
            folder = on_stage.environments._folder
            groups = on_stage.environments._factory.groups
            for _ in range(3):
                await on_stage.run("def handler(event, context):\n    return 1\n")
        assert not folder.exists()
        if groups is not None:
            assert not any(parent.exists() for parent in groups.parents.values())
        await asyncio.sleep(0)
        assert len(os.listdir("/proc/self/fd")) <= fds

    open_folders(tmp_path)
    asyncio.run(main())


def test_a_folder_that_a_killed_server_left_is_removed_and_one_in_use_is_not(tmp_path: Path) -> None:
    dead, lock = make_folder(tmp_path)
    os.close(lock)  # the kernel does this when the owner is killed
    alive, lock = make_folder(tmp_path)
    other, other_lock = make_folder(tmp_path)
    assert (dead.exists(), alive.exists(), other.exists()) == (False, True, True)
    os.close(lock)
    os.close(other_lock)


def test_a_place_without_locks_is_told_and_not_filled_with_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)  # the system's: as on some network drives
    with pytest.raises(OSError, match="No locks"):
        make_folder(tmp_path)
    assert len(list(tmp_path.iterdir())) <= 1
