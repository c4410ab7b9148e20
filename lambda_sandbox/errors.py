"""Every error, in one tree.

    SandboxError
    ├── ApiError                          becomes what boto3 sees: code, HTTP status, message (AWS's)
    │   ├── ValidationException           400  the request breaks a constraint of the service model
    │   ├── SerializationException        400  the request cannot be read: not JSON, or of another type
    │   ├── InvalidParameterValueException 400
    │   ├── InvalidRequestContentException 400 the payload is not JSON
    │   ├── ResourceNotFoundException     404
    │   ├── ResourceConflictException     409
    │   ├── ResourceInUseException        400
    │   ├── ProvisionedConcurrencyConfigNotFoundException 404
    │   ├── CapacityProviderLimitExceededException 400
    │   ├── PreconditionFailedException   412
    │   ├── RequestTooLargeException      413
    │   ├── RequestEntityTooLargeException 413  a deployment package over the limit for direct upload
    │   ├── PolicyLengthExceededException 400
    │   ├── TooManyRequestsException      429  a throttle, with its reason
    │   ├── CodeStorageExceededException  400
    │   ├── CodeSigningConfigNotFoundException 404
    │   ├── CodeVerificationFailedException 400
    │   ├── FunctionVersionsPerCapacityProviderLimitExceededException 400
    │   ├── NoPublishedVersionException   400
    │   ├── AccessDeniedException         403
    │   ├── UnauthenticatedException      403  its code says why: UnrecognizedClientException and the like
    │   ├── SnapStartException            400  after-restore hooks failed
    │   ├── SnapStartTimeoutException     408  the restore took over 10 seconds
    │   ├── RecursiveInvocationException  400  a function came back to itself too often in one chain
    │   ├── DurableExecutionAlreadyStartedException 409  an execution of this name has another input
    │   ├── CallbackTimeoutException      400  nobody waits for this callback any more
    │   ├── ServiceException              500
    │   └── NotImplementedException       501  an operation or option that the sandbox does not emulate
    └── SandboxFault                      ours or the machine's: one sentence that says what to do next
        └── RealAwsRefused                a botocore request that would have left this machine after connect()

A function's own failure is data in its ``InvocationResult`` and never raised in here.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SandboxError(Exception):
    """Root of the tree."""


class SandboxFault(SandboxError):
    """A fault of the sandbox or the machine; its text says what to do next."""


class RealAwsRefused(SandboxFault):
    """A botocore request to a host that is not loopback, stopped by ``connect()``'s guard."""


class ApiError(SandboxError):
    """An error answer of the Lambda API.

    ``code`` is the error's name on the wire, ``status`` its HTTP status. ``members`` holds further members of the
    error body, such as ``Reason``. ``type_`` is the ``Type`` member: ``User`` or ``Server``.
    """

    status: ClassVar[int] = 400
    type_: ClassVar[str] = "User"

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        self.message = message
        self.members = members

    @property
    def code(self) -> str:
        return type(self).__name__


class ValidationException(ApiError):
    pass


class SerializationException(ApiError):
    pass


class InvalidParameterValueException(ApiError):
    pass


class InvalidRequestContentException(ApiError):
    pass


class ResourceNotFoundException(ApiError):
    status = 404


class ResourceConflictException(ApiError):
    status = 409


class ResourceInUseException(ApiError):
    pass


class ProvisionedConcurrencyConfigNotFoundException(ApiError):
    status = 404


class CapacityProviderLimitExceededException(ApiError):
    pass


class PreconditionFailedException(ApiError):
    status = 412


class RequestTooLargeException(ApiError):
    status = 413


class RequestEntityTooLargeException(ApiError):
    status = 413


class PolicyLengthExceededException(ApiError):
    pass


class TooManyRequestsException(ApiError):
    """A throttle; pass ``Reason=`` with one of AWS's reasons."""

    status = 429


class CodeStorageExceededException(ApiError):
    pass


class CodeSigningConfigNotFoundException(ApiError):
    status = 404


class CodeVerificationFailedException(ApiError):
    pass


class FunctionVersionsPerCapacityProviderLimitExceededException(ApiError):
    pass


class NoPublishedVersionException(ApiError):
    pass


class AccessDeniedException(ApiError):
    status = 403


class UnauthenticatedException(ApiError):
    """Who asks is not known. Pass AWS's name for the reason as ``code``."""

    status = 403

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self._code = code

    @property
    def code(self) -> str:
        return self._code


class SnapStartException(ApiError):
    pass


class SnapStartTimeoutException(ApiError):
    status = 408


class RecursiveInvocationException(ApiError):
    pass


class DurableExecutionAlreadyStartedException(ApiError):
    status = 409


class CallbackTimeoutException(ApiError):
    pass


class ServiceException(ApiError):
    status = 500
    type_ = "Server"


class NotImplementedException(ApiError):
    """DIFFERS: an operation or option that is not emulated is answered with ``NotImplementedException`` (status 501), which AWS does
    not have; the message names it. Nothing is taken and ignored."""

    status = 501
    type_ = "Server"
