"""``Code.ZipFile`` of a template: a text that becomes a package, with the module by which custom resources answer.

Source: CloudFormation template reference, "cfn-response module", read 2026-11: only inline code finds it.
"""

from __future__ import annotations

from pathlib import Path

from lambda_sandbox.packaging import package

_MODULES = Path(__file__).with_name("inline_modules")


def packaged(text: str, runtime: str) -> bytes:
    """Return a package with the one file that the runtime's handler names, ``index``, and the module if the text asks for it."""
    if runtime.startswith("nodejs"):
        files = {"index.js": text}
        if "cfn-response" in text:
            files["node_modules/cfn-response.js"] = (_MODULES / "cfn-response.js").read_text("utf-8")
    else:
        files = {"index.py": text}
        if "cfnresponse" in text:
            files["cfnresponse.py"] = (_MODULES / "cfnresponse.py").read_text("utf-8")
    return package(files)
