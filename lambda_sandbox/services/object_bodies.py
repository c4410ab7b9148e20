"""What is PUT to S3 is an object, whatever type it says it has.

A form's type is what ``curl --data-binary`` and ``urllib`` give to bytes that they send to a presigned URL. moto would read the form,
and store nothing of it.
"""

from __future__ import annotations

from typing import Any


def install(module: Any) -> None:
    """Change ``moto.s3.responses``."""
    from werkzeug.datastructures import ImmutableMultiDict

    set_up = module.S3Response.setup_class

    def setup_class(self: Any, request: Any, *rest: Any, **named: Any) -> None:
        if request.method == "PUT" and "form" not in vars(request):
            # As Werkzeug keeps them once they are parsed: then it leaves the body alone.
            vars(request).update(form=ImmutableMultiDict(), files=ImmutableMultiDict())
        set_up(self, request, *rest, **named)

    module.S3Response.setup_class = setup_class
