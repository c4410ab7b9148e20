"""Submissions that change the tools which would judge them, if those tools ran with them."""

from __future__ import annotations

from ..submitted import CONNECT, FACTS, FACTS_ONLY, Submitted, plain

_PATCHED = """\
import builtins, json, sys
import pytest
json.loads = lambda *a, **k: {"sum": 5}
json.dumps = lambda *a, **k: '{"sum": 5}'
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: dict
pytest.main = lambda *a, **k: 0
pytest.fail = pytest.skip = lambda *a, **k: None
import autograder.checks as checks
checks.expect = checks.expect_true = checks.wanted = lambda *a, **k: None
checks.canonical = lambda value: "same"
sys.modules["autograder.score"] = checks
"""

_PATCHED_ASSERT = """\
import ast, builtins, unittest
builtins.AssertionError = type("AssertionError", (Exception,), {"__new__": lambda *a: SystemExit(0)})
builtins.compile = builtins.exec = builtins.eval = lambda *a, **k: None
builtins.print = lambda *a, **k: None
unittest.TestCase.assertEqual = lambda *a, **k: None
"""

_PATCHED_IPYTHON = """\
ip = get_ipython()
kernel = ip.kernel
type(ip).run_cell = type(ip).run_cell_async = lambda self, *a, **k: None
type(kernel).do_execute = lambda self, *a, **k: {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
ip.display_pub.publish = lambda *a, **k: None
kernel.session.send = lambda *a, **k: None
"""

_TRANSFORMER = """\
import ast
ip = get_ipython()
class AllTrue(ast.NodeTransformer):
    def visit_Compare(self, node): return ast.copy_location(ast.Constant(True), node)
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
ip.ast_transformers.append(AllTrue())
ip.input_transformers_post.append(lambda lines: ["total = 3\\n"])
ip.input_transformers_cleanup.append(lambda lines: ["total = 3\\n", "flag = True\\n"])
"""

_HOOKS = """\
import atexit, gc, sys, threading
sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)
sys.excepthook = sys.unraisablehook = threading.excepthook = lambda *a: None
sys.meta_path.insert(0, type("Finder", (), {"find_spec": lambda self, *a: None})())
atexit.register(print, "8 passed")
get_ipython().events.register("post_run_cell", lambda *a: __import__("os")._exit(0))
"""

PATCHES = {
    "hostile-patches-everything": Submitted([CONNECT, FACTS, _PATCHED], FACTS_ONLY),
    "hostile-patches-assert": plain(_PATCHED_ASSERT, ("work", "print('x')")),
    "hostile-patches-ipython": plain(_PATCHED_IPYTHON, ("work", "print('x')"), says="ran longer"),
    "hostile-transformers": Submitted([_TRANSFORMER, ("facts", "total = 4\nflag = 0"), "1"], 0),
    "hostile-hooks": plain(_HOOKS, ("work", "print('x')")),
}
