"""The compiler's own program: ``python -I -S -X utf8 compiling.py``, paths of sources on standard input, a NUL after each.

It imports nothing that the interpreter has not loaded already: ``compileall`` and ``py_compile`` import for longer than they
compile, and every deployment waits for that.
"""

import _imp
import marshal
import sys
from importlib._bootstrap_external import MAGIC_NUMBER, SourceFileLoader, cache_from_source

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")  # PEP 552


def compile_source(path: str) -> None:
    """Write the byte code of one source where an import looks for it, never to be checked against the source again."""
    loader = SourceFileLoader("<package>", path)
    source = loader.get_data(path)
    code = loader.source_to_code(source, path)
    source_hash = _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)
    byte_code = MAGIC_NUMBER + _UNCHECKED_HASH + source_hash + marshal.dumps(code)
    loader.set_data(cache_from_source(path), byte_code)


def main() -> None:
    for path in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\0")[:-1]:
        try:
            compile_source(path)
        except Exception:  # noqa: S112 (what does not compile says so where it is imported)
            continue


if __name__ == "__main__":
    main()
