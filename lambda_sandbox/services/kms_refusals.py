"""KMS reads what its own keys have encrypted; what they have not is refused with the reason, where moto and AWS say nothing.

AWS's keys never leave AWS, so what the Lambda console's encryption helpers made of a variable can be read there only.
"""

from __future__ import annotations

import json
from typing import Any

# DIFFERS: ``InvalidCiphertextException`` of KMS has a message here that says what to do; on AWS it has none.
SENTENCE = (
    "The sandbox's KMS reads only what its own keys have encrypted since it started, with the same encryption context. What "
    "was encrypted on AWS, by the Lambda console's encryption helpers for one, cannot be read here: put a plain test value "
    "into the variable, or encrypt it with a key that you make here."
)


def install(module: Any) -> None:
    """Make moto's ``kms.models`` say why it does not decrypt; the errors keep AWS's names."""
    from moto.kms.exceptions import AccessDeniedException, InvalidCiphertextException

    decrypt = module.KmsBackend.decrypt

    def explained(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return decrypt(self, *arguments, **named)
        except (InvalidCiphertextException, AccessDeniedException) as error:
            error.description = json.dumps({"__type": error.error_type, "message": SENTENCE})
            raise

    module.KmsBackend.decrypt = explained
