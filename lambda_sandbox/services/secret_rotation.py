"""Secrets Manager rotates a secret by four calls of one function, each after the one before has succeeded.

moto asks for all four at once: a function would finish a secret that it has not made yet.

Source: AWS Secrets Manager User Guide, "Rotation by Lambda function" and "Troubleshoot rotation", read 2026-11.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder, calls_kept_back
from lambda_sandbox.triggers.delivery import Delivery

PRINCIPAL = "secretsmanager.amazonaws.com"
_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
# A secret that is to be rotated later is tested at once, whether its function works.
_LATER = ("testSecret",)
_MAY_NOT = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the "
    "principal secretsmanager.amazonaws.com. {}"
)


def install(module: Any, forwarder: Forwarder) -> None:
    """Replace what ``moto.secretsmanager.models`` does with functions that rotate."""
    rotate = module.SecretsManagerBackend.rotate_secret

    def rotate_secret(
        self: Any,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        secret = self.secrets.get(secret_id)
        arn: str = rotation_lambda_arn or getattr(secret, "rotation_lambda_arn", "") or ""
        if secret is not None and not arn:
            raise module.InvalidRequestException(
                "No Lambda rotation function ARN is associated with this secret."
            )
        if secret is not None:
            _refuse_second(module, secret)
            _refuse_without_permission(forwarder, arn, secret)
        current = getattr(secret, "default_version_id", None)
        with calls_kept_back():
            answer: str = rotate(
                self, secret_id, client_request_token, arn, rotation_rules, rotate_immediately
            )
        pending = _version(secret, "AWSPENDING")
        if pending:
            # moto would read the new version from now on, and nobody has made it yet.
            secret.set_default_version_id(current)
            steps = _STEPS if rotate_immediately else _LATER
            rotation = threading.Thread(
                target=_run, args=(forwarder, arn, secret.arn, pending, steps), daemon=True
            )
            rotation.start()
        return answer

    module.SecretsManagerBackend.rotate_secret = rotate_secret
    _read_by_stage(module)


def _read_by_stage(module: Any) -> None:
    """Read the version that is AWSCURRENT, and none that has no value yet: a rotation's function asks whether it has one."""
    get = module.SecretsManagerBackend.get_secret_value

    def get_secret_value(self: Any, secret_id: str, version_id: str | None, version_stage: str | None) -> Any:
        secret = self.secrets.get(secret_id)
        if not version_id and not version_stage and secret is not None and _version(secret, "AWSCURRENT"):
            version_stage = "AWSCURRENT"
        answer = get(self, secret_id, version_id, version_stage)
        if not {"SecretString", "SecretBinary"} & answer.keys():
            asked = f"VersionId: {version_id}" if version_id else f"staging label: {version_stage}"
            raise module.ResourceNotFoundException(
                f"Secrets Manager can't find the specified secret value for {asked}"
            )
        return answer

    module.SecretsManagerBackend.get_secret_value = get_secret_value


def _version(secret: Any, stage: str) -> str:
    """Return the version that has a staging label, empty for none."""
    versions = secret.versions.items()
    return next((key for key, version in versions if stage in version["version_stages"]), "")


def _refuse_second(module: Any, secret: Any) -> None:
    """A version that is pending and not current is another rotation's, under way or failed."""
    pending = _version(secret, "AWSPENDING")
    if pending and pending != _version(secret, "AWSCURRENT"):
        raise module.InvalidRequestException(
            "A previous rotation isn't complete. That rotation will be reattempted."
        )


def _refuse_without_permission(forwarder: Forwarder, arn: str, secret: Any) -> None:
    from moto.secretsmanager.exceptions import SecretsManagerClientError

    missing = forwarder.refusal(Delivery(arn, "{}", PRINCIPAL, secret.arn, secret.account_id))
    if missing:
        raise SecretsManagerClientError("AccessDeniedException", _MAY_NOT.format(missing))


def _run(
    forwarder: Forwarder, function_arn: str, secret_arn: str, token: str, steps: tuple[str, ...]
) -> None:
    for step in steps:
        event = {"Step": step, "SecretId": secret_arn, "ClientRequestToken": token}
        problem = forwarder.run(function_arn, event, f"{PRINCIPAL} {secret_arn}")
        if problem:
            print(f"rotation of {secret_arn} ended at {step}: {problem}", file=sys.stderr, flush=True)
            return
