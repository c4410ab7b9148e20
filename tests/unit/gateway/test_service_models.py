"""Service models are botocore's own, and reading them costs no import of botocore."""

import subprocess
import sys

import pytest
from botocore.loaders import Loader

from lambda_sandbox.gateway import service_models

SLOW_TO_IMPORT = ("botocore", "jsonschema", "joserfc", "urllib3", "cryptography")


@pytest.mark.parametrize("service", ["lambda", "cloudwatch", "xray"])
def test_a_model_is_what_botocore_itself_would_load(service: str) -> None:
    assert service_models.read(service) == Loader().load_service_model(service, "service-2")


def test_a_service_that_botocore_does_not_know_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no model of lambada"):
        service_models.read("lambada")


def test_the_server_starts_without_what_is_slow_to_import() -> None:
    asked = (
        f"import sys, lambda_sandbox.app; print([name for name in {SLOW_TO_IMPORT} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
