"""Cases of Python's runtime: values and errors. Expected values: the Developer Guide, and what awslambdaric 4.2.2 answers."""

from __future__ import annotations

from tests.contract.handlers.case import Case, fails, returns, writes

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
