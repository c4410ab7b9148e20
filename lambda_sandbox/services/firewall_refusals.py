"""Web ACLs of AWS WAF can be made and read, but stand before nothing, since nothing here looks at their rules."""

from __future__ import annotations

from typing import Any, Never

_SENTENCE = "The sandbox does not emulate the rules of AWS WAF: leave the association of the web ACL out."


def install(module: Any) -> None:
    """Make moto's ``wafv2.responses`` refuse associations."""
    from moto.wafv2.exceptions import WAFv2ClientError

    def associate(self: Any) -> Never:
        raise WAFv2ClientError("WAFInvalidOperationException", _SENTENCE)

    module.WAFV2Response.associate_web_acl = associate
