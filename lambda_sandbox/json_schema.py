"""jsonschema, imported without the grammar of IRIs that it would build at once where the package for it is installed.

JupyterLab brings that package along; building takes more than a second of every start and 18 MB. No schema here has the
format ``iri``. Import this before anything that imports jsonschema by itself, such as nbformat.
"""

from __future__ import annotations

import sys

_GRAMMAR = "rfc3987_syntax"
_hidden = _GRAMMAR not in sys.modules
if _hidden:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
try:
    import jsonschema
finally:
    if _hidden:
        del sys.modules[_GRAMMAR]

__all__ = ["jsonschema"]
