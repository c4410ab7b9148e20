"""Cases of Python's runtime. Expected values: the Developer Guide, and what awslambdaric 4.2.2 answers."""

from __future__ import annotations

from tests.contract.handlers.case import Case, Expected, exits, fails, returns, writes

ECHO = "return event"
NESTED = {"a": [1, 2.5, None, True, {"b": "ü"}], "": "", "é\u2028": "\U0001f600"}
UNMARSHALLABLE = "Unable to marshal response: Object of type {} is not JSON serializable"


def _marshal(name: str, source: str, type_: str, **more: str) -> Case:
    return Case(name, source, fails("Runtime.MarshalError", UNMARSHALLABLE.format(type_), trace=(), **more))


VALUES = [
    Case("null", ECHO, writes("null")),
    Case("true", ECHO, writes("true"), True),
    Case("false", ECHO, writes("false"), False),
    Case("zero", ECHO, writes("0"), 0),
    Case("whole number", ECHO, writes("-12"), -12),
    Case("big whole number", ECHO, writes(str(10**30)), 10**30),
    Case("fraction", ECHO, writes("0.1"), 0.1),
    Case("exponent", ECHO, writes("1e+22"), 1e22),
    Case("small exponent", ECHO, writes("1e-07"), 1e-7),
    Case("empty text", ECHO, writes('""'), ""),
    Case("text", ECHO, writes('"abc"'), "abc"),
    Case("empty list", ECHO, writes("[]"), []),
    Case("empty object", ECHO, writes("{}"), {}),
    Case("spaces after separators", ECHO, writes('{"a": [1, 2]}'), {"a": [1, 2]}),
    Case("nested", ECHO, returns(NESTED), NESTED),
    Case("order of members is kept", ECHO, writes('{"z": 1, "a": 2}'), {"z": 1, "a": 2}),
    Case("nothing returned", "event", writes("null")),
    Case("infinity is written as Python does", "return float('inf')", writes("Infinity")),
    Case("not a number is written as Python does", "return float('nan')", writes("NaN")),
    Case("tuple becomes a list", "return (1, (2, 3))", writes("[1, [2, 3]]")),
    Case(
        "named tuple becomes an object",
        "import collections\nreturn [collections.namedtuple('Point', 'x y')(1, 2)]",
        writes('[{"x": 1, "y": 2}]'),
    ),
    Case(
        "named tuple within a named tuple",
        "import typing\nP = typing.NamedTuple('P', [('a', object)])\nreturn P(P(1))",
        writes('{"a": {"a": 1}}'),
    ),
    Case("decimal is a bare number", "import decimal\nreturn [decimal.Decimal('1.10')]", writes("[1.10]")),
    Case("decimal that is no number", "import decimal\nreturn decimal.Decimal('NaN')", writes("NaN")),
    Case(
        "exact large decimal",
        "import decimal\nreturn decimal.Decimal('1' + '0' * 40)",
        writes("1" + "0" * 40),
    ),
    Case(
        "decimals beside text that looks like one",
        "import decimal\nreturn {'a': decimal.Decimal(2), 'b': '2'}",
        writes('{"a": 2, "b": "2"}'),
    ),
    Case(
        "keys become text", "return {1: 1, None: 2, True: 3, 2.5: 4}", writes('{"1": 3, "null": 2, "2.5": 4}')
    ),
    Case(
        "enumerations have their values",
        "import enum\nE = enum.IntEnum('E', 'A B')\nreturn [E.A, E.B]",
        writes("[1, 2]"),
    ),
    Case(
        "text enumeration",
        "import enum\nclass E(str, enum.Enum):\n    A = 'x'\nreturn {E.A: E.A}",
        writes('{"x": "x"}'),
    ),
    Case(
        "ordered dictionary",
        "import collections\nreturn collections.OrderedDict(b=1, a=2)",
        writes('{"b": 1, "a": 2}'),
    ),
    Case(
        "default dictionary",
        "import collections\nreturn collections.defaultdict(int, a=1)",
        writes('{"a": 1}'),
    ),
    Case("bytes at the top are the payload itself", "return b'{\"raw\":1}'", writes('{"raw":1}')),
    Case("bytes inside become text", "return {'a': b'x', b'k': [b'y']}", writes('{"a": "x", "k": ["y"]}')),
    Case(
        "an object that can become a dictionary",
        "class R:\n    def _asdict(self):\n        return {'q': 1}\nreturn R()",
        writes('{"q": 1}'),
    ),
    Case(
        "subclasses of text and number",
        "class T(str): pass\nclass N(int): pass\nreturn [T('t'), N(7)]",
        writes('["t", 7]'),
    ),
    Case("control characters are escaped", ECHO, writes('"\\u0000\\n\\t\\u001f"'), "\0\n\t\x1f"),
    Case("delete is no control character", "return event.encode().hex()", writes('"7f"'), "\x7f"),
    Case("quotes and backslashes", ECHO, writes('"\\"\\\\/"'), '"\\/'),
    Case(
        "text outside the first plane arrives whole",
        "return [len(event), ord(event)]",
        returns([1, 0x1F600]),
        "\U0001f600",
    ),
    Case("combining characters stay as they are", "return len(event)", returns(2), "e\u0301"),
    Case("right to left", ECHO, returns("\u05e9\u05dc\u05d5\u05dd"), "\u05e9\u05dc\u05d5\u05dd"),
    Case("line separators", ECHO, returns("a\u2028b\u2029c"), "a\u2028b\u2029c"),
    Case(
        "deeply nested",
        "x = 1\nfor _ in range(200):\n    x = [x]\nreturn x",
        writes("[" * 200 + "1" + "]" * 200),
    ),
    Case("a large answer", "return 'x' * 1_000_000", returns("x" * 1_000_000)),
    Case("a large event", "return len(event)", returns(1_000_000), "y" * 1_000_000),
    Case("five megabytes there and back", ECHO, returns("z" * 5_000_000), "z" * 5_000_000),
    Case(
        "ten thousand members",
        "return {str(i): i for i in range(10_000)}",
        returns({str(i): i for i in range(10_000)}),
    ),
]

ERRORS = [
    Case(
        "exception",
        "raise ValueError('no good')",
        fails(
            "ValueError",
            "no good",
            trace=(r'File "/var/task/app\.py", line \d+, in case_exception\n    raise ValueError',),
        ),
    ),
    Case("exception without text", "raise KeyError", fails("KeyError", "", log=r"\[ERROR\] KeyError\r")),
    Case("key error quotes its key", "return {}['missing']", fails("KeyError", "'missing'")),
    Case(
        "type error",
        "return 1 + 'a'",
        fails("TypeError", r"unsupported operand type\(s\) for \+: 'int' and 'str'"),
    ),
    Case("division by zero", "return 1 / 0", fails("ZeroDivisionError", "division by zero")),
    Case("assertion", "assert event, 'nothing came'", fails("AssertionError", "nothing came")),
    Case(
        "own class", "class OwnError(Exception):\n    pass\nraise OwnError('mine')", fails("OwnError", "mine")
    ),
    Case("own class with many arguments", "raise RuntimeError('a', 2)", fails("RuntimeError", r"\('a', 2\)")),
    Case(
        "message of several lines",
        "raise ValueError('one\\ntwo')",
        fails("ValueError", "one\ntwo", log="ValueError: one"),
    ),
    Case(
        "message in another script",
        "raise ValueError('größer \U0001f600')",
        fails("ValueError", "größer \U0001f600", log="größer \U0001f600"),
    ),
    Case("long message", "raise ValueError('x' * 10_000)", fails("ValueError", "x{10000}")),
    Case(
        "cause is not told",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('outer') from error",
        fails("ValueError", "outer"),
    ),
    Case(
        "group of exceptions",
        "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])",
        fails("ExceptionGroup", r"many \(2 sub-exceptions\)"),
    ),
    Case(
        "recursion",
        "def f():\n    return f()\nf()",
        fails("RecursionError", "maximum recursion depth exceeded.*"),
    ),
    Case(
        "import in the handler",
        "import no_such_module",
        fails("ModuleNotFoundError", "No module named 'no_such_module'"),
    ),
    Case("name error", "return not_there", fails("NameError", "name 'not_there' is not defined")),
    Case(
        "attribute error",
        "return event.nothing",
        fails("AttributeError", "'NoneType' object has no attribute 'nothing'"),
    ),
    Case(
        "unicode error",
        "return b'\\xff'.decode()",
        fails("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff.*"),
    ),
    Case(
        "read-only code",
        "open('/var/task/x', 'w')",
        fails("OSError", r"\[Errno 30\] Read-only file system: '/var/task/x'"),
    ),
    Case(
        "file that is not there",
        "open('/tmp/none')",
        fails("FileNotFoundError", r"\[Errno 2\] No such file or directory: '/tmp/none'"),
    ),
    Case("stop iteration", "next(iter([]))", fails("StopIteration", "")),
    Case(
        "error in a comprehension",
        "return [1 // n for n in (1, 0)]",
        fails(
            "ZeroDivisionError", "integer (division or )?modulo by zero|integer division or modulo by zero"
        ),
    ),
    Case(
        "handler of a library",
        "import json\njson.loads('{')",
        fails(
            "JSONDecodeError",
            "Expecting property name.*",
            trace=("json/__init__", "json/decoder", "json/decoder"),
        ),
    ),
    Case("memory error that is raised", "raise MemoryError('full')", fails("MemoryError", "full")),
    Case("timeout error that is raised", "raise TimeoutError('late')", fails("TimeoutError", "late")),
    Case(
        "warning is no error",
        "import warnings\nwarnings.warn('careful')\nreturn 1",
        returns(1, log="UserWarning: careful"),
    ),
    Case(
        "error in the log has its trace",
        "raise LookupError('logged')",
        fails(
            "LookupError",
            "logged",
            log="\\[ERROR\\] LookupError: logged\rTraceback \\(most recent call last\\):\r\u00a0\u00a0File ",
        ),
    ),
    _marshal("set", "return {1, 2}", "set"),
    _marshal("object", "return object()", "object"),
    _marshal("generator", "return (i for i in [1])", "generator"),
    _marshal("coroutine", "async def f():\n    return 1\nreturn f()", "coroutine"),
    _marshal("date", "import datetime\nreturn datetime.date(2026, 1, 2)", "date"),
    _marshal("byte array", "return bytearray(b'x')", "bytearray"),
    _marshal("complex number", "return 1j", "complex"),
    _marshal("function", "return len", "builtin_function_or_method"),
    Case(
        "circular answer",
        "x = []\nx.append(x)\nreturn x",
        fails("Runtime.MarshalError", "Unable to marshal response: Circular reference detected"),
    ),
    Case(
        "key that is no key",
        "return {(1, 2): 3}",
        fails(
            "Runtime.MarshalError",
            "Unable to marshal response: keys must be str, int, float, bool or None, not tuple",
        ),
    ),
    Case(
        "bytes inside that are no text",
        "return {'a': b'\\xff'}",
        fails("Runtime.MarshalError", "Unable to marshal response: 'utf-8' codec can't decode byte 0xff.*"),
    ),
    Case(
        "answer over six megabytes",
        "return 'x' * 6_300_000",
        fails(
            "Function.ResponseSizeTooLarge",
            r"Response payload size \(6300002 bytes\) exceeded maximum allowed payload size \(6291556 bytes\)\.",
        ),
    ),
]

ENDS = [
    Case("exit with a status", "import sys\nsys.exit(3)", exits("exit status 3")),
    Case("exit with a text", "import sys\nsys.exit('why')", exits("exit status 1", log="why")),
    Case("exit through os", "import os\nos._exit(4)", exits("exit status 4")),
    Case(
        "what was printed before an end is in the log",
        "import os\nprint('last', end='')\nos._exit(1)",
        exits("exit status 1", log="last"),
    ),
    Case("killed by itself", "import os\nos.kill(os.getpid(), 9)", exits("signal: killed")),
    Case("segmentation fault", "import os\nos.kill(os.getpid(), 11)", exits("signal: segmentation fault")),
    Case("aborted", "import os\nos.abort()", exits("signal: aborted")),
    Case("keyboard interrupt ends the process", "raise KeyboardInterrupt", exits("signal: interrupt")),
    Case(
        "base exception ends the process",
        "raise BaseException('low')",
        exits("exit status 1", log="BaseException: low"),
    ),
    Case(
        "text that is no Unicode ends the process",
        "raise ValueError('\\ud800')",
        Expected(error_type="Runtime.ExitError"),
    ),
    Case(
        "after an end the next event has a new process",
        "import os\nreturn [len(seen), seen.append(1)]",
        returns([0, None]),
    ),
    Case(
        "exit in a thread ends the thread only",
        "import sys, threading\nt = threading.Thread(target=lambda: sys.exit(5))\nt.start()\nt.join()\nreturn 'here'",
        returns("here"),
    ),
    Case(
        "exception in a thread is logged",
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nreturn 'on'",
        returns("on", log="ZeroDivisionError"),
    ),
    Case(
        "timeout",
        "import time\nprint('sleeping')\ntime.sleep(60)",
        fails(
            "Sandbox.Timedout",
            r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds",
            log="sleeping",
        ),
        options={"Timeout": 1},
    ),
    Case(
        "busy timeout",
        "while True:\n    pass",
        fails("Sandbox.Timedout", r".*timed out after 1\.00 seconds"),
        options={"Timeout": 1},
    ),
]

WORK = [
    Case(
        "threads",
        "import concurrent.futures as f\nwith f.ThreadPoolExecutor(4) as pool:\n    return list(pool.map(lambda n: n * n, range(8)))",
        returns([n * n for n in range(8)]),
    ),
    Case(
        "subprocess",
        "import subprocess\nreturn subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 2'], capture_output=True, text=True).returncode",
        returns(2),
    ),
    Case(
        "subprocess that prints",
        "import subprocess\nsubprocess.run(['echo', 'from the child'])\nreturn 1",
        returns(1, log="from the child"),
    ),
    Case(
        "child that outlives the handler",
        "import subprocess\nsubprocess.Popen(['sleep', '30'])\nreturn 'left'",
        returns("left"),
    ),
    Case(
        "fork",
        "import os\npid = os.fork()\nif pid == 0:\n    os._exit(7)\nreturn os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
        returns(7),
    ),
    Case(
        "pipes between processes",
        "import multiprocessing as m\na, b = m.Pipe()\np = m.get_context('fork').Process(target=lambda: b.send('hello'))\np.start()\nx = a.recv()\np.join()\nreturn x",
        returns("hello"),
    ),
    Case(
        "asyncio",
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(0)\n    return n\nasync def g():\n    return await asyncio.gather(*(f(i) for i in range(5)))\nreturn asyncio.run(g())",
        returns([0, 1, 2, 3, 4]),
    ),
    Case(
        "temporary files",
        "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as file:\n    file.write('abc')\n    file.flush()\n    return [file.name[:5], open(file.name).read()]",
        returns(["/tmp/", "abc"]),
    ),
    Case(
        "signal handlers",
        "import os, signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\nos.kill(os.getpid(), signal.SIGUSR1)\nreturn got",
        returns([1]),
    ),
    Case(
        "a server of its own",
        "import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\ndef serve():\n    c, _ = s.accept()\n    c.sendall(b'hi')\n    c.close()\nt = threading.Thread(target=serve)\nt.start()\nc = socket.create_connection(s.getsockname())\nx = c.recv(9).decode()\nt.join()\nc.close()\ns.close()\nreturn x",
        returns("hi"),
    ),
    Case(
        "no network outside",
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=2)\nexcept OSError as error:\n    return error.errno",
        returns(101),
    ),
    Case("globals live on", "seen.append(1)\nreturn len(seen) >= 1", returns(True)),
    Case(
        "boto3 is there",
        "import boto3\nreturn boto3.client('sts').meta.endpoint_url.startswith('http://127.0.0.1')",
        returns(True),
    ),
    Case(
        "sqlite",
        "import sqlite3\nreturn sqlite3.connect(':memory:').execute('select 40 + 2').fetchone()",
        returns([42]),
    ),
    Case("time is UTC", "import time\nreturn time.strftime('%Z')", returns("UTC")),
    Case("random numbers differ", "import random\nreturn random.random() != random.random()", returns(True)),
    Case("working directory", "import os\nreturn os.getcwd()", returns("/var/task")),
    Case("task root", "import os\nreturn os.environ['LAMBDA_TASK_ROOT']", returns("/var/task")),
    Case("code comes first in the path", "import sys\nreturn sys.path[0]", returns("/var/task")),
    Case(
        "no variable of the host",
        "import os\nreturn [n for n in ('HOME', 'USER', 'VIRTUAL_ENV') if n in os.environ]",
        returns([]),
    ),
    Case("a sibling module", "import sibling\nreturn sibling.VALUE", returns("beside")),
    Case(
        "a module called as one of ours",
        "import python_json, launcher\nreturn [python_json.OWN, launcher.OWN]",
        returns(["function's", "function's"]),
    ),
    Case(
        "a data file beside the code",
        "import pathlib\nreturn pathlib.Path('data.txt').read_text()",
        returns("some data"),
    ),
]

LOGS = [
    Case("print", "print('hello', 1)\nreturn 0", returns(0, log=r"\nhello 1\n")),
    Case(
        "print without line break",
        "print('half', end='')\nprint(' whole')\nreturn 0",
        returns(0, log="half whole"),
    ),
    Case("stderr", "import sys\nprint('problem', file=sys.stderr)\nreturn 0", returns(0, log="problem")),
    Case("descriptor one", "import os\nos.write(1, b'raw\\n')\nreturn 0", returns(0, log="raw")),
    Case("unicode in the log", "print('grün \U0001f600')\nreturn 0", returns(0, log="grün \U0001f600")),
    Case("bytes that are no text", "import os\nos.write(1, b'a\\xffb\\n')\nreturn 0", returns(0, log="a.b")),
    Case(
        "printing what is no Unicode",
        "print('\\ud800')",
        fails("UnicodeEncodeError", ".*surrogates not allowed"),
    ),
    Case(
        "warning record",
        "import logging\nlogging.warning('careful %s', 1)\nreturn context.aws_request_id",
        Expected(log=r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tcareful 1\n"),
    ),
    Case(
        "info is not shown", "import logging\nlogging.info('quiet')\nreturn 0", returns(0, not_in_log="quiet")
    ),
    Case(
        "info is shown when asked for",
        "import logging\nlog = logging.getLogger()\nlog.setLevel('INFO')\nlog.info('loud')\nlog.setLevel('WARNING')\nreturn 0",
        returns(0, log=r"\[INFO\]\t.*\tloud\n"),
    ),
    Case(
        "logged exception",
        "import logging\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('failed')\nreturn 0",
        returns(0, log=r"(?s)\[ERROR\]\t.*\tfailed\nTraceback.*ZeroDivisionError: division by zero"),
    ),
    Case(
        "one handler on the root logger",
        "import logging\nreturn len(logging.getLogger().handlers)",
        returns(1),
    ),
    Case("context log", "context.log('direct\\n')\nreturn 0", returns(0, log="direct")),
    Case(
        "a thousand lines", "for n in range(1000):\n    print(n)\nreturn 0", returns(0, log=r"\n998\n999\n")
    ),
    Case(
        "START and REPORT",
        "return 0",
        returns(
            0,
            log=r"(?s)START RequestId: ([0-9a-f-]{36}) Version: \$LATEST\n.*END RequestId: \1\nREPORT RequestId: \1\t",
        ),
    ),
]

CLIENT = {
    "custom": {"a": "b"},
    "env": {"locale": "de"},
    "client": {"app_title": "shop", "installation_id": "7"},
}
CONTEXT = [
    Case("function name", "return context.function_name.startswith('cases')", returns(True)),
    Case("version", "return context.function_version", returns("$LATEST")),
    Case(
        "arn",
        "return context.invoked_function_arn.startswith('arn:aws:lambda:us-east-1:000000000000:function:cases')",
        returns(True),
    ),
    Case("memory is text", "return context.memory_limit_in_mb", returns("256")),
    Case("log group", "return context.log_group_name.startswith('/aws/lambda/cases')", returns(True)),
    Case(
        "log stream",
        "import re\nreturn bool(re.fullmatch(r'\\d{4}/\\d\\d/\\d\\d/\\[\\$LATEST\\][0-9a-f]{32}', context.log_stream_name))",
        returns(True),
    ),
    Case(
        "request id",
        "import uuid\nreturn str(uuid.UUID(context.aws_request_id)) == context.aws_request_id",
        returns(True),
    ),
    Case(
        "remaining time",
        "left = context.get_remaining_time_in_millis()\nreturn 1000 < left <= 10000 and type(left) is int",
        returns(True),
    ),
    Case(
        "identity without Cognito",
        "return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]",
        returns([None, None]),
    ),
    Case(
        "client context's custom",
        "return context.client_context.custom['a']",
        returns("b"),
        client_context=CLIENT,
    ),
    Case(
        "client context's env",
        "return context.client_context.env",
        returns({"locale": "de"}),
        client_context=CLIENT,
    ),
    Case(
        "client context's client",
        "c = context.client_context.client\nreturn [c.app_title, c.installation_id, c.app_package_name]",
        returns(["shop", "7", None]),
        client_context=CLIENT,
    ),
    Case("client that was not sent", "return context.client_context.client", returns(None)),
    Case("no tenant", "return context.tenant_id", returns(None)),
    Case(
        "trace context",
        "return context.w3c()",
        returns({"traceparent": "00-1"}),
        client_context={"w3c": {"traceparent": "00-1", "other": "x"}},
    ),
    Case(
        "trace context is taken out",
        "return hasattr(context.client_context, 'w3c')",
        returns(False),
        client_context={"w3c": {"traceparent": "00-1"}},
    ),
    Case("trace header", "import os\nreturn os.environ['_X_AMZN_TRACE_ID'][:5]", returns("Root=")),
    Case("shown context", "return repr(context)[:30]", returns("LambdaContext([aws_request_id=")),
    Case(
        "shown client",
        "return repr(context.client_context.client)",
        returns(
            "Client([installation_id=7,app_title=shop,app_version_name=None,app_version_code=None,app_package_name=None])"
        ),
        client_context=CLIENT,
    ),
]

ALL = [*VALUES, *ERRORS, *ENDS, *WORK, *LOGS, *CONTEXT]

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
