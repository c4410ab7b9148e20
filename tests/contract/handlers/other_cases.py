"""Cases of the runtimes of Java and Ruby and of executables. Java's handlers are in ``java/cases/Cases.java``."""

from __future__ import annotations

from typing import Any

from tests.contract.handlers.case import Case, Expected, exits, fails, returns, writes

ORDER = {
    "id": "a",
    "count": 2,
    "price": 1.5,
    "lines": [{"name": "ü", "amount": 5_000_000_000, "sizes": {"s": 1}, "colour": "RED"}],
}


def _java(name: str, handler: str, expected: Expected, event: Any = None, **members: Any) -> Case:
    return Case(name, "", expected, event, {"Handler": f"cases.Cases${handler}"}, **members)


def _shape(name: str, handler: str, expected: Expected, event: Any = None) -> Case:
    return Case(name, "", expected, event, {"Handler": f"cases.Shapes${handler}"})


JAVA = [
    _java("typed handler", "Typed", returns({**ORDER, "count": 3, "price": 3.0}), ORDER),
    _java("untyped handler", "Untyped", returns({"x": [1, None]}), {"value": {"x": [1, None]}}),
    _java("streams", "Streams", writes('[{"a": 1}]'), {"a": 1}),
    _java("method by name", "Methods::upper", returns("ÜBER"), "über"),
    _java("list of whole numbers", "Methods::sum", returns(6), [1, 2, 3]),
    _java("array", "Methods::length", returns(3), [1, 2, 3]),
    _java("nothing returned", "Methods::nothing", writes("null", log="did nothing with 5"), 5),
    _java("no input", "Methods::noInput", returns("no input")),
    _java("statics live on", "Methods::counts", returns(1)),
    _java("environment", "Methods::environment", returns("AWS_Lambda_java17"), "AWS_EXECUTION_ENV"),
    _java("logger and stderr", "Methods::logs", writes("null", log="through the logger\nto stderr: é\n")),
    _java("exception with a cause", "Methods::fails", fails("java.lang.IllegalStateException", "bad", trace=(r"^cases\.Cases\$Methods\.fails\(Cases\.java:\d+\)$",), log=r"bad: java\.lang\.IllegalStateException\njava\.lang\.IllegalStateException: bad\n\tat cases\.")),
    _java("exit", "Methods::exits", exits("exit status 3")),
    _java("stack overflow", "Methods::overflows", fails("java.lang.StackOverflowError")),
    _java("input of another kind", "Methods::sum", fails("java.lang.RuntimeException", "An error occurred during JSON parsing"), "text"),
    _java("no such method", "Methods::none", fails("java.lang.NoSuchMethodException", r"No public method named none with appropriate method signature found on class cases\.Cases\$Methods")),
    _java("constructor that fails", "Broken::handle", fails("java.lang.UnsupportedOperationException", "no construction")),
    _shape("members with a value, as declared", "Echo", writes('{"zone":"z","URL":"u","paid":false}'), {"zone": "z", "URL": "u", "note": None}),
    _shape("names of members are told apart by every letter", "Echo", writes('{"paid":false}'), {"Zone": "z", "url": "u", "PAID": True}),
    _shape("a name that an enumeration does not have", "Echo", writes('{"paid":false}'), {"colour": "BLUE"}),
    _shape("a place in an enumeration", "Echo", writes('{"colour":"GREEN","paid":true}'), {"colour": 1, "paid": 1}),
    _shape("UUID", "Echo", writes('{"id":"00000000-0000-0001-0000-000000000002","paid":false}'), {"id": "00000000-0000-0001-0000-000000000002"}),
    _shape("nulls in a map", "Plain::nulls", writes("{}"), "x"),
    _shape("moments", "Plain::moments", writes("[1.500000000,[2020,1,2],[2020,1,2,3,4],1.500000000]"), ["1970-01-01T00:00:01.5Z"]),
    _shape("a moment in seconds", "Plain::moments", writes("[7.000000000,[2020,1,2],[2020,1,2,3,4],1.500000000]"), [7]),
    _shape("one value in a list", "Plain::text", returns("x"), ["x"]),
    _shape("one value for a list", "Plain::length", returns(1), "x"),
    _shape("no identity", "Plain::identity", returns(True), "x"),
    _shape("an answer that is no JSON", "Plain::nullKey", fails("java.lang.RuntimeException", "An error occurred during JSON serialization of response"), "x"),
    _shape("class without an interface", "Plain", fails("java.lang.NoSuchMethodException", r"Class does not implement an appropriate handler interface: cases\.Shapes\$Plain"), "x"),
    _shape("nothing behind the colons", "Plain::", fails("java.lang.Exception", r"Invalid handler: `cases\.Shapes\$Plain::'"), "x"),
    _shape("exception without a message has two frames", "Fails", fails("java.lang.IllegalStateException", r"java\.lang\.IllegalStateException", trace=(r"^cases\.Shapes\$Fails\.handleRequest\(Shapes\.java:\d+\)$",) * 2, log=r"\njava\.lang\.IllegalStateException: java\.lang\.IllegalStateException\njava\.lang\.IllegalStateException\n"), "x"),
    _shape("class that cannot be loaded", "Loads::handle", fails("java.lang.ExceptionInInitializerError", r"Error loading class cases\.Shapes\$Loads"), "x"),
    _shape("constructor that wants more", "NeedsMore::handle", fails("java.lang.Exception", r"Class cases\.Shapes\$NeedsMore has no public zero-argument constructor"), "x"),
    Case("no such class", "", fails("java.lang.ClassNotFoundException", r"Class not found: cases\.None"), options={"Handler": "cases.None"}),
]  # fmt: skip


_RUBY_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
JSON_LOG = {"LoggingConfig": {"LogFormat": "JSON"}}
RUBY_FILES = {"folder/inner.rb": "def go(event:, context:)\n  'inner'\nend\n"}


def _ruby(name: str, body: str, expected: Expected, event: Any = None, **members: Any) -> Case:
    return Case(name, f"def handler(event:, context:)\n  {body}\nend\n", expected, event, **members)


RUBY = [
    _ruby("echo", "event", returns({"ü": [1, None, 0.5]}), {"ü": [1, None, 0.5]}),
    _ruby("nothing", "", writes("null")),
    _ruby("symbols", "{ok: :yes}", writes('{"ok":"yes"}')),
    _ruby("context", "[context.function_version, context.memory_limit_in_mb, context.get_remaining_time_in_millis > 500, context.aws_request_id.size]", returns(["$LATEST", "1769", True, 36])),
    _ruby("client context", "context.client_context['custom']", returns({"a": "b"}), client_context={"custom": {"a": "b"}}),
    _ruby("puts", "puts 'grün'", writes("null", log="\ngrün\n")),
    _ruby("exception", "raise ArgumentError, 'bad'", fails("Function<ArgumentError>", "bad", trace=(r"/var/task/app\.rb:2:in ",), log="Error raised from handler method")),
    _ruby("exit", "exit 3", fails("Function<SystemExit>", "exit", log="Critical exception from handler\n")),
    _ruby("no memory", "raise NoMemoryError, 'all gone'", fails("Function<NoMemoryError>", "all gone", log="Critical exception from handler\n")),
    _ruby("IO", "StringIO.new('plain')", writes("plain")),
    _ruby("own to_json", "Class.new { def to_json(*) = '[1]' }.new", writes("[1]")),
    _ruby("logger", "require 'logger'; Logger.new($stdout, progname: 'shop').info('grün')", returns(True, log=rf"\nI, \[{_RUBY_TIME} #\d+\]  INFO [0-9a-f-]{{36}} -- shop: grün\n")),
    _ruby("logger without a device", "Logger.new(nil).warn('x')", returns(True, log=rf"\nW, \[{_RUBY_TIME} #\d+\]  WARN [0-9a-f-]{{36}} -- : x\n")),
    _ruby("logger to something else", "to = StringIO.new; Logger.new(to).info('x'); to.string.include?(context.aws_request_id)", returns(False)),
    _ruby("logger with a formatter of its own", "Logger.new($stdout, formatter: proc { |*all| \"<#{all.last}>\\n\" }).info('x')", returns(True, log="\n<x>\n")),
    _ruby("JSON log", "Logger.new($stdout).warn('careful')", returns(True, log=rf'\n\{{"timestamp":"{_RUBY_TIME}Z","level":"WARN","message":"careful","requestId":"[0-9a-f-]{{36}}"\}}\n'), options=JSON_LOG),
    _ruby("JSON log of an error", "raise ArgumentError, 'bad' rescue Logger.new($stdout, progname: 'shop').error($!)", returns(True, log=r'"message":"bad","requestId":"[0-9a-f-]{36}","logger":"shop","errorType":"ArgumentError","errorMessage":"bad","stackTrace":\["/var/task/app\.rb:2:in [^"]+".*\],"location":"/var/task/app\.rb:handler:2"\}\n'), options=JSON_LOG),
    _ruby("JSON log leaves debug out", "Logger.new($stdout).debug('hidden')", returns(True, not_in_log="hidden"), options=JSON_LOG),
    _ruby("JSON log with a level of its own", "Logger.new($stdout, level: Logger::ERROR).warn('hidden')", returns(True, not_in_log="hidden"), options=JSON_LOG),
    _ruby("large answer", "'ü' * 1_000_000", returns("ü" * 1_000_000)),
    _ruby("trace header", "ENV['_X_AMZN_TRACE_ID'][0, 5]", returns("Root=")),
    Case("exit at load", "exit 3", fails("Init<SystemExit>", "exit")),
    Case("method of a file in a folder", "", returns("inner"), options={"Handler": "folder/inner.go"}),
    _ruby("exit at once", "exit! 4", exits("exit status 4")),
    _ruby("no such name", "nothing_here", fails("Function<NameError>", "undefined local variable or method.*", log="Critical exception from handler\n")),
    _ruby("other library", "require 'no_such_library'", fails("Function<LoadError>", "cannot load such file -- no_such_library")),
    _ruby("thread", "Thread.new { 5 }.value", returns(5)),
    _ruby("gem of the standard library", "require 'securerandom'; SecureRandom.uuid.size", returns(36)),
    _ruby("timeout", "sleep 60", fails("Sandbox.Timedout", ".*timed out after 1.00 seconds"), options={"Timeout": 1}),
    Case("method of a class", "class Shop\n  def self.go(event:, context:)\n    'class'\n  end\nend", returns("class"), options={"Handler": "app.Shop.go"}),
    Case("method of a module in a module", "module A\n  class B\n    def self.go(event:, context:)\n      'deep'\n    end\n  end\nend", returns("deep"), options={"Handler": "app.A::B.go"}),
    Case("syntax", "def (", fails("Init<SyntaxError>", ".*syntax error.*")),
    Case("file", "", fails("Init<LoadError>", "cannot load such file -- other"), options={"Handler": "other.handler"}),
    Case("no dot", "", fails("Init<ArgumentError>", r'Invalid handler \["app"\], must be of form FILENAME.* METHOD must be a class-level method\.'), options={"Handler": "app"}),
    Case("method", "", fails("Function<NoMethodError>", "undefined method.*handler.*")),
]  # fmt: skip

_LOOP = """#!/usr/bin/python3
import json, os, sys, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/"
def call(path, body=None, **headers):
    return urllib.request.urlopen(urllib.request.Request(api + path, body, headers))
{init}
while True:
    with call("invocation/next") as event:
        name, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    {handler}
"""


def _bootstrap(handler: str, init: str = "") -> str:
    return _LOOP.replace("{init}", init).replace("{handler}", handler)


_SHELL = r"""#!/bin/bash
set -eu
exchange() {  # method path body; the answer is in HEAD and BODY
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
    printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&3
    HEAD="" LENGTH=0
    while IFS= read -r LINE <&3; do
        LINE="${LINE%$'\r'}"; [ -n "$LINE" ] || break
        HEAD="$HEAD$LINE"$'\n'
        case "${LINE,,}" in content-length:*) LENGTH="${LINE##* }" ;; esac
    done
    LC_ALL=C IFS= read -r -N "$LENGTH" BODY <&3 || true
    exec 3>&-
}
while true; do
    exchange GET invocation/next ""
    ID="$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p' <<<"$HEAD")"
    echo "shell got $BODY"
    exchange POST "invocation/$ID/response" "{\"shell\":$BODY}"
done
"""

_NOT_STARTED = "RequestId: [0-9a-f-]{36} Error: fork/exec /var/task/bootstrap: "

PROVIDED = [
    Case("shell script without curl", _SHELL, returns({"shell": [1]}, log=r"shell got \[1\]"), [1]),
    Case("program", _bootstrap('call(f"invocation/{name}/response", body).close()'), returns("é"), "é"),
    Case("answer that is no JSON", _bootstrap('call(f"invocation/{name}/response", b"plain").close()'), writes("plain")),
    Case("error", _bootstrap('call(f"invocation/{name}/error", json.dumps({"errorType": "Own", "errorMessage": "m", "stackTrace": []}).encode()).close()'), fails("Own", "m")),
    Case("init error", _bootstrap("", 'call("init/error", json.dumps({"errorType": "Own.Init", "errorMessage": "i"}).encode()).close(); sys.exit(1)'), fails("Own.Init", "i")),
    Case("exit", _bootstrap("sys.exit(6)"), exits("exit status 6")),
    Case("handler's name is the program's to use", _bootstrap('call(f"invocation/{name}/response", json.dumps([os.environ["_HANDLER"], "AWS_EXECUTION_ENV" in os.environ, os.getcwd()]).encode()).close()'), returns(["app.handler", False, "/var/task"])),
    Case("streamed answer", _bootstrap('import http.client; c = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"]); c.request("POST", f"/2018-06-01/runtime/invocation/{name}/response", iter([b"ab", b"cd"]), {"Lambda-Runtime-Function-Response-Mode": "streaming"}, encode_chunked=True); c.getresponse().read()'), writes("abcd")),
    Case("ends before it asks", "#!/bin/sh\nexit 0\n", fails("Runtime.ExitError", ".*exit status 0|.*Runtime exited without providing a reason")),
    Case("no interpreter", "#!/no/such/program\n", fails("Runtime.InvalidEntrypoint", _NOT_STARTED + "no such file or directory")),
    Case("not a program", "\0\0\0\0", fails("Runtime.InvalidEntrypoint", _NOT_STARTED + "exec format error")),
    Case("line ends of Windows", "#!/bin/sh\r\nexit 0\r\n", fails("Runtime.InvalidEntrypoint", _NOT_STARTED + "no such file or directory")),
]  # fmt: skip
