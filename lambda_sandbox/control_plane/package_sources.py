"""Where a function's code comes from: a zip in the request, an object in S3, or a container image that is named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lambda_sandbox.control_plane import layer_versions
from lambda_sandbox.control_plane.code import check_direct_size
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import CodeStorageExceededException, InvalidParameterValueException
from lambda_sandbox.resources import Caller, S3Object

_ZIP_SOURCES = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion")


class PackageSources:
    """Reads packages into the code store."""

    def __init__(self, context: Context) -> None:
        self._config = context.config
        self._clock = context.clock
        self._store = context.store
        self._code = context.code
        self._fetch_object = context.fetch_object

    def read(
        self,
        source: Mapping[str, Any],
        package_type: str,
        caller: Caller,
        operation: str,
        *,
        keep: bool = True,
    ) -> dict[str, Any]:
        """Return the fields of a function that say what its code is; without ``keep``, after the checks only.

        ``source`` is AWS's ``FunctionCode``. Raises ``InvalidParameterValueException``, ``CodeStorageExceededException``
        and ``RequestEntityTooLargeException``.
        """
        verb = "creating" if operation == "CreateFunction" else "updating"
        if package_type == "Image":
            return _image(source, verb)
        if source.get("ImageUri"):
            raise InvalidParameterValueException(
                f"Please don't provide ImageUri when {verb} a function with packageType Zip."
            )
        package, s3_object = self._package(source, operation)
        if s3_object is None:
            self.check_storage(len(package), caller)
        code_sha256 = self._code.put(package) if keep else self._code.check(package)
        return {
            "code_sha256": code_sha256,
            "code_size": len(package),
            "image_uri": "",
            "s3_object": s3_object,
            "source_kms_key_arn": source.get("SourceKMSKeyArn") or "",
        }

    def check_storage(self, added: int, caller: Caller) -> None:
        """Refuse ``added`` bytes that pass the quota of the account in the Region."""
        if storage_used(self._store, caller) + added > self._config.code_storage_bytes:
            raise CodeStorageExceededException("Code storage limit exceeded.")

    @contextmanager
    def kept_on_success(self, code_sha256: str) -> Iterator[None]:
        """Let a package that was just read go again when what is done with it fails."""
        try:
            yield
        except BaseException:
            self.release(code_sha256)
            raise

    def release(self, code_sha256: str) -> None:
        """Let a package go that a function no longer has, unless another version or a layer has it."""
        if not self._is_used(code_sha256):
            self._code.release(code_sha256, self._clock.now())
        self._code.collect(self._clock.now())

    def _is_used(self, code_sha256: str) -> bool:
        if any(each.code_sha256 == code_sha256 for each in self._store.all_functions()):
            return True
        return code_sha256 in layer_versions.packages_in_use(self._store)

    def _package(self, source: Mapping[str, Any], operation: str) -> tuple[bytes, S3Object | None]:
        direct, bucket, key = source.get("ZipFile"), source.get("S3Bucket"), source.get("S3Key")
        if direct is not None:
            if bucket or key:
                raise InvalidParameterValueException(
                    "Please do not provide other FunctionCode parameters when providing a ZipFile."
                )
            check_direct_size(direct, operation)
            return bytes(direct), None
        if not bucket or not key:
            raise InvalidParameterValueException("Please provide a source for function code.")
        version = source.get("S3ObjectVersion")
        package = self._fetch_object(bucket, key, version)
        # DIFFERS: with ``S3ObjectStorageMode=REFERENCE`` the package is read once, when the function is created or updated, where AWS
        # reads it from the bucket for new environments. Deleting the object breaks nothing here.
        referenced = source.get("S3ObjectStorageMode") == "REFERENCE"
        return package, S3Object(bucket, key, version or "") if referenced else None


def storage_used(store: Store, caller: Caller) -> int:
    """Return the bytes of the caller's zips: each version's, each layer version's, and none that is only referenced."""
    layers = layer_versions.versions(store).values(caller.account_id, caller.region)
    of_layers = sum(each.code_size for each in layers if not each.deleted)
    return store.versions.weight(caller.account_id, caller.region) + of_layers


def resolved_image_uri(image_uri: str) -> str:
    """Return the image by its digest.

    DIFFERS: images are not run and no registry is asked, so ``ResolvedImageUri`` has a made-up digest for a tag.
    """
    repository, _, digest = image_uri.partition("@sha256:")
    if not digest:
        repository = image_uri.rpartition(":")[0] if ":" in image_uri.rpartition("/")[2] else image_uri
        digest = hashlib.sha256(image_uri.encode()).hexdigest()
    return f"{repository}@sha256:{digest}"


def _image(source: Mapping[str, Any], verb: str) -> dict[str, Any]:
    image_uri = source.get("ImageUri")
    if any(source.get(name) is not None for name in _ZIP_SOURCES):
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            f"Please don't provide ZipFile or S3 parameters when {verb} a function with packageType Image."
        )
    if not image_uri:
        raise InvalidParameterValueException(
            f"Please provide ImageUri when {verb} a function with packageType Image."
        )
    return {
        "code_sha256": resolved_image_uri(image_uri).partition("@sha256:")[2],
        "code_size": 0,
        "image_uri": image_uri,
        "s3_object": None,
        "source_kms_key_arn": "",
    }
