"""What CloudWatch and X-Ray answer when they refuse a request."""

from __future__ import annotations

from lambda_sandbox.errors import SandboxError

# The names of the JSON protocol, and those that older clients know them by.
_QUERY_NAMES = {
    "InvalidParameterValueException": "InvalidParameterValue",
    "InvalidParameterCombinationException": "InvalidParameterCombination",
    "MissingRequiredParameterException": "MissingParameter",
    "ResourceNotFound": "ResourceNotFound",
    "ResourceNotFoundException": "ResourceNotFoundException",
    "InvalidFormatFault": "InvalidFormat",
    "InvalidNextToken": "InvalidNextToken",
    "ValidationException": "ValidationError",
    "SerializationException": "SerializationException",
    "LimitExceededFault": "LimitExceeded",
}


class MonitoringError(SandboxError):
    """``kind`` is the error's shape in the service's model; the text is what the client sees."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = 404 if kind.startswith("ResourceNotFound") else 400

    @property
    def query_code(self) -> str:
        return _QUERY_NAMES.get(self.kind, self.kind)


def invalid(message: str) -> MonitoringError:
    return MonitoringError("InvalidParameterValueException", message)


def refused(message: str) -> MonitoringError:
    """What AWS has and the sandbox does not: said, and never ignored."""
    return MonitoringError("ValidationException", message)
