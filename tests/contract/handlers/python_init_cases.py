"""Cases of Python's runtime with a file of their own: what happens at init, and logs in JSON."""

from __future__ import annotations

from tests.contract.handlers.case import Case, fails, returns

_INIT = (
    r"(?s)\[WARNING\]\t[^\t]*\t\tLAMBDA_WARNING: Unhandled exception\. .*runtimes-update\.html\r\n\[ERROR\] "
)
# Here ``source`` is the whole file ``app.py`` and the handler comes with the options.
INIT = [
    Case("syntax", "def handler(:", fails("Runtime.UserCodeSyntaxError", r"Syntax error in module 'app': invalid syntax \(app\.py, line 1\)", trace=(r'  File "/var/task/app\.py" Line 1\n    def handler\(:',), log=_INIT + "Runtime.UserCodeSyntaxError: Syntax error")),
    Case("import", "import no_such_module", fails("Runtime.ImportModuleError", "Unable to import module 'app': No module named 'no_such_module'", trace=(), log=_INIT + "Runtime.ImportModuleError: ")),
    Case("module", "", fails("Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"), options={"Handler": "other.handler"}),
    Case("name", "", fails("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")),
    Case("no dot", "", fails("Runtime.MalformedHandlerName", r"Bad handler 'app': not enough values to unpack \(expected 2, got 1\)"), options={"Handler": "app"}),
    Case("built-in module", "", fails("Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"), options={"Handler": "sys.exit"}),
    Case("exception", "raise ValueError('at import')", fails("ValueError", "at import", trace=(r'File "/var/task/app\.py", line 1, in <module>\n    raise ValueError',), log=_INIT + "ValueError: at import")),
    Case("exit", "import sys\nsys.exit(9)", fails("Runtime.ExitError", r".*exit status 9")),
    Case("printed", "print('from init')\ndef handler(event, context):\n    return 1", returns(1, log="from init")),
    Case("folder", "", returns("deep"), options={"Handler": "folder/inner.handler"}),
    Case("package", "", returns("deep"), options={"Handler": "folder.inner.handler"}),
    Case("class", "class handler:\n    def __new__(cls, event, context):\n        return 'made'", returns("made")),
    Case("callable object", "class H:\n    def __call__(self, event, context):\n        return 'called'\nhandler = H()", returns("called")),
    Case("partial", "import functools\ndef base(x, event, context):\n    return x\nhandler = functools.partial(base, 'fixed')", returns("fixed")),
    Case("too few arguments", "def handler(event):\n    return 1", fails("TypeError", r"handler\(\) takes 1 positional argument but 2 were given", trace=())),
    Case("not callable", "handler = 5", fails("TypeError", "'int' object is not callable", trace=())),
    Case("coroutine function", "async def handler(event, context):\n    return 1", fails("Runtime.MarshalError", "Unable to marshal response: Object of type coroutine is not JSON serializable")),
    Case("generator function", "def handler(event, context):\n    yield 1", fails("Runtime.MarshalError", "Unable to marshal response: Object of type generator is not JSON serializable")),
]  # fmt: skip

_JSON = {"LoggingConfig": {"LogFormat": "JSON"}}
_ENTRY = r'\{"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "level": '
JSON_LOGS = [
    Case("record", "import logging\ndef handler(event, context):\n    logging.warning('careful', extra={'price': 3})\n    return 1", returns(1, log=_ENTRY + r'"WARNING", "message": "careful", "logger": "root", "requestId": "[0-9a-f-]{36}", "price": 3\}\n'), options=_JSON),
    Case("object", "import logging\ndef handler(event, context):\n    logging.error({'a': {1, 2}.__class__})\n    return 1", returns(1, log=_ENTRY + r'"ERROR", "message": \{"a": "<class \'set\'>"\}'), options=_JSON),
    Case("exception record", "import logging\ndef handler(event, context):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.exception('failed')\n    return 1", returns(1, log=r'"message": "failed", "logger": "root", "stackTrace": \[.*\], "errorType": "ZeroDivisionError", "errorMessage": "division by zero", "requestId": "[^"]+", "location": "/var/task/app\.py:handler:6"\}'), options=_JSON),
    Case("failed handler", "def handler(event, context):\n    raise ValueError('bad')", fails("ValueError", "bad", log=_ENTRY + r'"ERROR", "errorMessage": "bad", "errorType": "ValueError", "requestId": "[^"]+", "stackTrace": \['), options=_JSON),
    Case("info is shown", "import logging\ndef handler(event, context):\n    logging.info('seen')\n    logging.debug('hidden')\n    return 1", returns(1, log='"level": "INFO", "message": "seen"', not_in_log="hidden"), options=_JSON),
    Case("print stays as it is", "def handler(event, context):\n    print('plain')\n    return 1", returns(1, log=r"\nplain\n"), options=_JSON),
]  # fmt: skip
