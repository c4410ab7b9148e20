"""Functions of another Python version than the sandbox's own: started at first, forked as soon as that one is preloaded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import toolchains
from tests.isolation.stage import stage

HOST = toolchains.host_python().version
OTHERS = [f"3.{minor}" for minor in range(11, 15) if f"3.{minor}" != HOST]
OTHER = next((version for version in OTHERS if toolchains.find_python(version)), "")
SOURCE = """
    import sys
    def handler(event, context):
        with open("/proc/self/cmdline") as file:
            return [sys.version.rpartition(".")[0].split()[0], "flavour" in file.read().split("\\0"), "{boto3}" in sys.modules]
"""


@pytest.mark.skipif(not OTHER, reason=f"this machine has no Python beside {HOST}")
@pytest.mark.parametrize("package", ["json", "boto3"])
def test_every_start_has_the_version_asked_for_and_is_forked_before_long(
    tmp_path: Path, package: str
) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)

    async def main() -> None:
        async with stage(tmp_path) as on_stage:
            if on_stage.environments.isolation.level != "namespaces":
                pytest.skip("this machine allows no namespaces of our own, and so no preloaded interpreter")
            code = on_stage.write(SOURCE.replace("{boto3}", package))
            for _ in range(200):
                environment_id = on_stage.start(code, runtime=f"python{OTHER}")
                version, forked, loaded = await on_stage.invoke(environment_id)
                on_stage.environments.stop(environment_id)
                assert version.startswith(OTHER)
                if forked and loaded:
                    return
            pytest.fail("no environment was forked from a preloaded interpreter")

    asyncio.run(main())
