"""Making a version: a copy of ``$LATEST`` under a number that is never used again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import msgspec

from lambda_sandbox import quotas
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.function_configuration import iso_time
from lambda_sandbox.control_plane.package_sources import PackageSources
from lambda_sandbox.control_plane.snapshot_states import not_active
from lambda_sandbox.errors import (
    FunctionVersionsPerCapacityProviderLimitExceededException,
    InvalidParameterValueException,
    ResourceConflictException,
)
from lambda_sandbox.resources import LATEST, LATEST_PUBLISHED, Caller, FunctionConfiguration

# What a version is not made from: what belongs to the function or tells of the moment.
_APART: dict[str, Any] = {
    "revision_id": "",
    "last_modified": "",
    "reserved_concurrency": None,
    "recursive_loop": "Terminate",
    "code_signing_config_arn": "",
    "published_version": "",
    "published_content": "",
    "pending_until": 0.0,
    "updating_until": 0.0,
}


@dataclass(frozen=True, slots=True)
class VersionCount:
    """The number given last. It outlives the function.

    AWS: version numbers are never used again, even for a function that was deleted and made anew.
    """

    account_id: str
    region: str
    function_name: str
    last: int


class Publisher:
    """Publishes versions; one for all rooms that do."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._transition_s = context.config.transition_s
        self._store = context.store
        self._on_change = context.on_change
        self._snapshots = context.snapshot_states
        self._sources = PackageSources(context)
        self._counts = context.store.collection(
            "version-count", VersionCount, lambda each: (each.function_name,)
        )

    def publish(
        self, latest: FunctionConfiguration, description: str | None = None, to: str | None = None
    ) -> FunctionConfiguration:
        """Return the version that has the code and configuration of ``latest``: the last one, or a new one.

        ``description`` replaces that of ``latest`` in a new version. With ``to``, ``$LATEST.PUBLISHED`` is set instead.
        Raises ``CodeStorageExceededException`` and ``FunctionVersionsPerCapacityProviderLimitExceededException``.
        """
        if to is not None:
            return self._publish_latest(latest, description)
        content = _content(latest)
        if content == latest.published_content:
            last = self._version(latest, latest.published_version)
            if last is not None:
                return last
        if latest.s3_object is None:
            self._sources.check_storage(latest.code_size, Caller(latest.account_id, latest.region))
        self._check_capacity_provider(latest)
        count = self._counts.get(latest.account_id, latest.region, latest.function_name)
        number = count.last + 1 if count else 1
        version = self._copy(latest, str(number), description)
        self._snapshots.expect(version)
        with self._store.database.transaction():
            self._counts.put(VersionCount(latest.account_id, latest.region, latest.function_name, number))
            self._store.versions.put(version)
            self._store.versions.put(
                replace(latest, published_version=version.version, published_content=content)
            )
        if version.snap_start == "PublishedVersions":
            self._on_change(version.arn)  # the snapshot is made now
        return version

    def _publish_latest(
        self, latest: FunctionConfiguration, description: str | None
    ) -> FunctionConfiguration:
        """Source: Developer Guide, "$LATEST.PUBLISHED version in Lambda Managed Instances", read 2026-11."""
        if latest.capacity_provider is None:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "PublishTo LATEST_PUBLISHED is only supported for functions with a capacity provider."
            )
        version = self._copy(latest, LATEST_PUBLISHED, description)
        self._store.versions.put(version)
        self._on_change(version.arn)  # the bare name means another version now
        return version

    def _check_capacity_provider(self, latest: FunctionConfiguration) -> None:
        if latest.capacity_provider is None:
            return
        arn = latest.capacity_provider.arn
        versions = self._store.versions.values(latest.account_id, latest.region)
        used = sum(
            each.version != LATEST
            and each.capacity_provider is not None
            and each.capacity_provider.arn == arn
            for each in versions
        )
        if used >= quotas.VERSIONS_PER_CAPACITY_PROVIDER:
            # UNCONFIRMED: wording
            raise FunctionVersionsPerCapacityProviderLimitExceededException(
                f"The capacity provider {arn} has {quotas.VERSIONS_PER_CAPACITY_PROVIDER} function versions already."
            )

    def _version(self, latest: FunctionConfiguration, version: str) -> FunctionConfiguration | None:
        return self._store.function(latest.account_id, latest.region, latest.function_name, version)

    def _copy(
        self, latest: FunctionConfiguration, version: str, description: str | None
    ) -> FunctionConfiguration:
        now = self._clock.now()
        own = _APART | {
            "version": version,
            "revision_id": str(uuid4()),
            "last_modified": iso_time(now),
            "pending_until": now + self._transition_s,
            "description": latest.description if description is None else description,
        }
        return replace(latest, **own)


def refuse_while_changing(function: FunctionConfiguration, now: float) -> None:
    """Raise ``ResourceConflictException`` while a function is being created or updated."""
    if now < function.pending_until:
        raise pending()
    if now < function.updating_until:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for resource: "
            f"{function.arn}"
        )


def pending() -> ResourceConflictException:
    """The refusal of what needs a function that is still being created."""
    return not_active("Pending")


def _content(latest: FunctionConfiguration) -> str:
    document = msgspec.json.encode(replace(latest, **_APART), enc_hook=dict)
    return hashlib.sha256(document).hexdigest()
