"""Cases of Node.js's runtime. Expected values: the Developer Guide and AWS's published runtime client's behaviour."""

from __future__ import annotations

from typing import Any

from tests.contract.handlers.case import Case, Expected, exits, fails, returns, writes

_LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\t"
MODULE = {"Handler": "module.handler"}  # an ES module
NODE_24 = {"Runtime": "nodejs24.x"}
JSON_LOG = {"LoggingConfig": {"LogFormat": "JSON"}}
_JSON = r'\{"timestamp":"[^"]+Z","level":"'
_ID = '"requestId":"[0-9a-f-]{36}"'
UNREADABLE = (
    "callback called with Error argument, but there was a problem while retrieving one or more of its .*"
)
NOT_ASYNC = r"Streaming does not support non-async handlers\."


def _async(name: str, body: str, expected: Expected, event: Any = None, **members: Any) -> Case:
    return Case(
        name, f"exports.handler = async (event, context) => {{ {body} }};", expected, event, **members
    )


def _callback(name: str, body: str, expected: Expected, event: Any = None, **members: Any) -> Case:
    return Case(
        name, f"exports.handler = (event, context, callback) => {{ {body} }};", expected, event, **members
    )


CASES = [
    _async("echo", "return event", returns({"ü": [1, None, 0.5]}), {"ü": [1, None, 0.5]}),
    _async("nothing", "", writes("null")),
    _async("text is not escaped", "return 'grün'", writes('"grün"')),
    _async("compact JSON", "return {a: [1, 2]}", writes('{"a":[1,2]}')),
    _async("members that are undefined", "return {a: undefined, b: null}", writes('{"b":null}')),
    _async("date", "return new Date(0)", writes('"1970-01-01T00:00:00.000Z"')),
    _async("not a number", "return NaN", writes("null")),
    _async("a large answer", "return 'x'.repeat(1000000)", returns("x" * 1_000_000)),
    _async("big integer", "return 1n", fails("Error", "Unable to stringify response body")),
    _async("circular answer", "const a = {}; a.a = a; return a", fails("Error", "Unable to stringify response body")),
    _async("circular answer in Node.js 24", "const a = {}; a.a = a; return a", fails("Runtime.JSONStringifyError", "Unable to stringify response body"), options=NODE_24),
    _async("timers", "await new Promise((r) => setTimeout(r, 5)); return 1", returns(1)),
    _async("promise that never settles", "await new Promise(() => {})", writes("null")),
    _async("promise that never settles in Node.js 24", "await new Promise(() => {})", fails("Runtime.NodeJsExit", ".* a Promise that was never settled.*"), options=NODE_24),
    Case("top-level await that never settles", "await new Promise(() => {}); export const handler = async () => 1;", exits("exit status 13"), options=MODULE),
    Case("ES module", "export const handler = async (event) => event;", returns([1]), [1], MODULE),
    Case("top-level await", "const n = await Promise.resolve(7); export const handler = async () => n;", returns(7), options=MODULE),
    Case("default export's member in Node.js 24", "export default {handler: async () => 'd'};", returns("d"), options={**MODULE, **NODE_24}),
    Case("default export's member before Node.js 24", "export default {handler: async () => 'd'};", fails("Runtime.HandlerNotFound", "module.handler is undefined or not exported"), options=MODULE),
    Case("ES module with imports", "import { VALUE } from './sibling.mjs'; import fs from 'node:fs'; export const handler = async () => VALUE + typeof fs;", returns("besideobject"), options=MODULE),
    Case("require", "const s = require('./sibling.cjs'); exports.handler = async () => s.VALUE;", returns("beside")),
    Case("package of the function", "const p = require('pack'); exports.handler = async () => p;", returns("packed")),
    Case("nested handler", "exports.a = {b: {handler: async () => 'deep'}};", returns("deep"), options={"Handler": "index.a.b.handler"}),
    Case("folder", "", returns("folder"), options={"Handler": "folder/inner.handler"}),
    _callback("callback", "setTimeout(() => callback(null, {ok: event}), 5)", returns({"ok": 2}), 2),
    _callback("callback with an error", "callback(new TypeError('bad'))", fails("TypeError", "bad")),
    _callback("callback with a text as error", "callback('why')", fails("string", "why", trace=())),
    _callback("callback waits for the event loop", "setTimeout(() => console.log('later'), 20); callback(null, 1)", returns(1, log="later")),
    _callback("callback that does not wait", "context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => console.log('later'), 2000); callback(null, 1)", returns(1, not_in_log="later")),
    _callback("no callback at all", "", writes("null")),
    _callback("context.succeed", "context.succeed('s')", returns("s")),
    _callback("context.fail", "context.fail(new Error('f'))", fails("Error", "f")),
    _callback("context.done", "context.done(null, 'd')", returns("d")),
    _callback("the first callback counts", "callback(null, 1); callback(null, 2)", returns(1)),
    _callback("an error after the first callback is late", "callback(null, 1); callback(new Error('x'))", returns(1)),
    _callback("a result after an error is late", "callback(new Error('x')); callback(null, 1)", fails("Error", "x")),
    _callback("context.done after the callback is late", "callback(null, 1); context.done(null, 2)", returns(1)),
    _callback("context.fail after context.succeed is late", "context.succeed(1); context.fail(new Error('x'))", returns(1)),
    _callback("callback after context.succeed is late", "context.succeed(1); callback(new Error('x'))", returns(1)),
    _callback("thrown after the callback is late", "callback(null, 1); throw new Error('x')", returns(1)),
    Case("callback of an async handler comes before its value", "exports.handler = async (event, context, callback) => { callback(null, 'cb'); return 'value'; };", returns("cb")),
    _callback("thrown before the callback", "throw new RangeError('r')", fails("RangeError", "r")),
    _callback("callbacks are gone in Node.js 24", "callback(null, 1)", fails("Runtime.CallbackHandlerDeprecated", "ERROR: AWS Lambda has removed support for callback-based.*"), options=NODE_24),
    Case("plain value in Node.js 24", "exports.handler = (event) => event + 1;", returns(3), 2, NODE_24),
    Case("no callbacks in the context of Node.js 24", "exports.handler = (e, c) => [typeof c.done, typeof c.callbackWaitsForEmptyEventLoop];", returns(["undefined", "undefined"]), options=NODE_24),
    _async("thrown error", "throw new TypeError('bad')", fails("TypeError", "bad", log=r"\tERROR\tInvoke Error \t\{\"errorType\":\"TypeError\",\"errorMessage\":\"bad\",\"stack\":\[\"TypeError: bad\"")),
    _async("trace", "throw new Error('x')", fails("Error", "x", trace=())),
    _async("thrown text", "throw 'text'", fails("string", "text", trace=())),
    _async("thrown text in the log", "throw 'text'", fails("string", "text", log=r'Invoke Error \t\{"errorType":"Error","errorMessage":"text","stack":\["Error: text"')),
    _async("thrown object", "throw {a: 1}", fails("object", r"\[object Object\]", trace=())),
    _async("thrown object with a text of its own", "throw {toString: () => 'mine'}", fails("object", "mine", trace=())),
    _async("thrown object that has no text", "throw Object.create(null)", fails("handled", UNREADABLE)),
    _async("thrown object that looks like an error", "throw {name: 'Like', message: 'm', stack: 'Like: m\\n at x'}", fails("Like", "m", trace=(" at x",))),
    _async("thrown object with a message only", "throw {message: 'm', stack: 's'}", fails("object", r"\[object Object\]")),
    _async("thrown error without a stack", "const e = new Error('x'); delete e.stack; e.stack = undefined; throw e", fails("handled", UNREADABLE)),
    _async("thrown number", "throw 0", fails("number", "0", trace=())),
    _async("thrown null", "throw null", fails("string", "handled", trace=(), log=r'Invoke Error \t\{"errorType":"Error","errorMessage":"handled"')),
    _async("rejection without a value", "return Promise.reject()", fails("string", "handled", trace=())),
    _callback("thrown null is no error for a callback", "throw null", writes("null")),
    _callback("thrown undefined is no error for a callback", "throw undefined", writes("null")),
    _callback("thrown text for a callback", "throw 'text'", fails("string", "text")),
    _callback("callback with undefined", "callback(undefined, 1)", returns(1)),
    _callback("callback with null", "callback(null)", writes("null")),
    _callback("callback with false", "callback(false)", fails("boolean", "false", trace=())),
    _callback("callback with an empty text", "callback('')", fails("string", "", trace=())),
    _callback("context.fail without a value", "context.fail()", fails("string", "handled")),
    _async("thrown null in Node.js 24", "throw null", fails("object", "null", trace=()), options=NODE_24),
    _async("rejection without a value in Node.js 24", "return Promise.reject()", fails("undefined", "undefined", trace=()), options=NODE_24),
    Case("null thrown before a promise in Node.js 24", "exports.handler = () => { throw null; };", fails("object", "null"), options=NODE_24),
    _callback("lost null", "setTimeout(() => { throw null }, 5)", fails("handled", UNREADABLE, log="Uncaught Exception")),
    _async("lost rejection without a value", "Promise.reject(); await new Promise((r) => setTimeout(r, 500))", fails("Runtime.UnhandledPromiseRejection", "")),
    _async("lost rejection with an object", "Promise.reject({a: 1}); await new Promise((r) => setTimeout(r, 500))", fails("Runtime.UnhandledPromiseRejection", r"\[object Object\]")),
    _async("JSON log of a thrown text", "throw 'text'", fails("string", "text", log=r'"level":"ERROR".*"message":\{"errorType":"Error","errorMessage":"text","stackTrace":\["Error: text"'), options={"LoggingConfig": {"LogFormat": "JSON"}}),
    Case("streaming handler that throws null", "exports.handler = awslambda.streamifyResponse(async () => { throw null; });", fails("handled", UNREADABLE)),
    Case("streaming handler that throws a text", "exports.handler = awslambda.streamifyResponse(async () => { throw 'text'; });", fails("string", "text")),
    Case("null thrown at import", "throw null", fails("handled", UNREADABLE)),
    _async("own error", "class OwnError extends Error { constructor(m) { super(m); this.name = 'OwnError'; this.code = 7; } } throw new OwnError('mine')", fails("OwnError", "mine", log='"code":7')),
    _async("rejected promise", "return Promise.reject(new Error('no'))", fails("Error", "no")),
    _async("lost rejection", "Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 500))", fails("Runtime.UnhandledPromiseRejection", "Error: lost", log="Unhandled Promise Rejection")),
    _callback("lost exception", "setTimeout(() => { throw new Error('far') }, 5)", fails("Error", "far", log="Uncaught Exception")),
    _async("exit", "process.exit(3)", exits("exit status 3")),
    _async("kill", "process.kill(process.pid, 'SIGKILL')", exits("signal: killed")),
    _async("timeout", "await new Promise((r) => setTimeout(r, 60000))", fails("Sandbox.Timedout", r".*timed out after 1\.00 seconds"), options={"Timeout": 1}),
    _async("console.log", "console.log('hello', {a: 1}, 'ü')", writes("null", log=_LINE + r"INFO\thello \{ a: 1 \} ü\n")),
    _async("levels", "console.debug('d'); console.info('i'); console.warn('w'); console.error('e'); console.trace('t')", writes("null", log=r"(?s)\tDEBUG\td\n.*\tINFO\ti\n.*\tWARN\tw\n.*\tERROR\te\n.*\tTRACE\tt\n")),
    _async("lines of one entry", "console.log('a\\nb')", writes("null", log="INFO\ta\rb\n")),
    _async("stdout", "process.stdout.write('raw\\n')", writes("null", log="\nraw\n")),
    _async("JSON log", "console.warn('careful')", writes("null", log=r'\{"timestamp":"[^"]+Z","level":"WARN","requestId":"[0-9a-f-]{36}","message":"careful"\}'), options={"LoggingConfig": {"LogFormat": "JSON"}}),
    _async("JSON log of an error", "console.error(new TypeError('t'))", writes("null", log=r'"level":"ERROR".*"errorType":"TypeError","errorMessage":"t","stackTrace":\["TypeError: t"'), options={"LoggingConfig": {"LogFormat": "JSON"}}),
    _async("console.log without a message", "console.log()", writes("null", log=_LINE + r"INFO\tundefined\n")),
    _async("JSON log without a message", "console.log()", writes("null", log=rf'{_JSON}INFO",{_ID}\}}\n'), options=JSON_LOG),
    _async("JSON log names an error by its class", "class Own extends TypeError {} console.error(Object.assign(new Own('m'), {code: 7, stack: 's'}))", writes("null", log=rf'{_ID},"message":\{{"errorType":"Own","errorMessage":"m","stackTrace":\["s"\],"code":7\}}\}}'), options=JSON_LOG),
    _async("JSON log of an error within an object", "console.error({e: Object.assign(new Error('m', {cause: 'no'}), {stack: 's'})})", writes("null", log=r'"message":\{"e":\{"errorType":"Error","errorMessage":"m","stackTrace":\["s"\]\}\}\}'), options=JSON_LOG),
    _async("JSON log of an error behind a text", "class Own extends Error {} console.error('pre', Object.assign(new Own('m'), {stack: 's'}))", writes("null", log=r'"message":"pre \[s\]","errorType":"Own","errorMessage":"m","stackTrace":\["s"\]\}'), options=JSON_LOG),
    _async("JSON log of an error before a text", "console.error(Object.assign(new Error('m'), {stack: 's'}), 'post')", writes("null", log=r'"message":"\[s\] post","errorType":"Error","errorMessage":"m","stackTrace":\["s"\]\}'), options=JSON_LOG),
    _async("JSON log of an error before a text in Node.js 24", "console.error(Object.assign(new Error('m'), {stack: 's'}), 'post')", writes("null", log=r'"message":"\[s\] post"\}'), options={**JSON_LOG, **NODE_24}),
    _async("JSON log of a big integer", "console.log({a: 1n})", writes("null", log=r'"message":"\{ a: 1n \}"\}'), options=JSON_LOG),
    _async("log of an error with a cause", "throw Object.assign(new Error('m', {cause: new Error('c')}), {stack: 's'})", fails("Error", "m", log=r'\{"errorType":"Error","errorMessage":"m","stack":\["s"\]\}\n')),
    _async("error with the character DEL", "throw new Error('a\\x7fb')", fails("Error", "a%7Fb")),
    _async("the invocation that runs in Node.js 24", "const s = awslambda.InvokeStore; s.set('k', 1); return [s.getRequestId() === context.awsRequestId, s.getXRayTraceId() === context.xRayTraceId, context.xRayTraceId.slice(0, 5), s.get('k')]", returns([True, True, "Root=", 1]), options=NODE_24),
    _async("no store of the invocation before Node.js 24", "return [typeof awslambda.InvokeStore, 'xRayTraceId' in context]", returns(["undefined", False])),
    _async("no global by the variable", "return typeof awslambda", returns("undefined"), options={"Environment": {"Variables": {"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"}}}),
    Case("syntax in Node.js 24", "exports.handler = (", fails("Runtime.UserCodeSyntaxError", "SyntaxError: .*", trace=("",)), options=NODE_24),
    Case("handler that is zero", "exports.handler = 0", fails("Runtime.HandlerNotFound", "index.handler is undefined or not exported")),
    Case("nothing behind the dot", "exports.handler = 1", fails("Runtime.HandlerNotFound", "index. is undefined or not exported"), options={"Handler": "index."}),
    Case("streaming handler that goes on after its stream's end", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('x'); await new Promise((r) => setTimeout(r, 50)); console.log('went on'); });", writes("x", log="went on")),
    Case("streaming handler that returns a value", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('x'); return 5; });", writes("x", log=r"WARN\tStreaming handlers ignore return values\.")),
    Case("streaming handler that fails after its stream's end", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('x'); throw new Error('late'); });", writes("x", log="Invoke Error.*late")),
    Case("metadata of a stream that is only ended is lost", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { awslambda.HttpResponseStream.from(stream, {statusCode: 404}).end('x'); });", writes("x")),
    Case("metadata of a stream that is written to", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { const s = awslambda.HttpResponseStream.from(stream, {statusCode: 404}); s.write(''); s.end('x'); });", writes('{"statusCode":404}' + "\0" * 8 + "x")),
    Case("type of a stream that was written to", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('x'); stream.setContentType('y'); });", fails("Runtime.InvalidStreamingOperation", "Cannot set content-type, too late\\.")),
    _async("JSON log leaves debug out", "console.debug('hidden')", writes("null", not_in_log="hidden"), options={"LoggingConfig": {"LogFormat": "JSON"}}),
    _async("context", "return [context.functionVersion, context.memoryLimitInMB, context.awsRequestId.length, context.getRemainingTimeInMillis() > 500, context.logGroupName.startsWith('/aws/lambda/'), context.invokedFunctionArn.startsWith('arn:aws:lambda:')]", returns(["$LATEST", "1769", 36, True, True, True])),
    _async("client context", "return context.clientContext.custom", returns({"a": "b"}), client_context={"custom": {"a": "b"}}),
    _async("trace header", "return process.env._X_AMZN_TRACE_ID.slice(0, 5)", returns("Root=")),
    _async("child process", "return require('child_process').execSync('echo child').toString()", returns("child\n")),
    _async("worker thread", "const {Worker} = require('worker_threads'); return new Promise((r) => new Worker('require(\"worker_threads\").parentPort.postMessage(5)', {eval: true}).on('message', r))", returns(5)),
    _async("temporary files", "const fs = require('fs'); fs.writeFileSync('/tmp/f', 'x'); return fs.readFileSync('/tmp/f', 'utf8')", returns("x")),
    _async("read-only code", "require('fs').writeFileSync('/var/task/f', 'x')", fails("Error", "EROFS: read-only file system, open '/var/task/f'")),
    Case("streaming handler, buffered", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('a'); stream.write(Buffer.from('b')); stream.end('c'); });", writes("abc")),
    Case("streaming handler with a pipeline", "const { pipeline } = require('stream/promises'); const { Readable } = require('stream'); exports.handler = awslambda.streamifyResponse(async (event, stream) => { await pipeline(Readable.from(['x', 'y']), stream); });", writes("xy")),
    Case("streaming handler that fails first", "exports.handler = awslambda.streamifyResponse(async () => { throw new Error('early'); });", fails("Error", "early")),
    Case("streaming handler that does not end", "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('open'); });", fails("Sandbox.Timedout", r".*timed out after 1\.00 seconds"), options={"Timeout": 1}),
    Case("streaming handler without a promise that ends", "exports.handler = awslambda.streamifyResponse((event, stream) => { stream.end('x'); });", writes("x", log=r"Invoke Error.*Streaming does not support non-async handlers\.")),
    Case("streaming handler without a promise", "exports.handler = awslambda.streamifyResponse((event, stream) => { setTimeout(() => stream.end('x'), 5); });", fails("string", NOT_ASYNC)),
    Case("syntax", "exports.handler = (", fails("Runtime.UserCodeSyntaxError", "SyntaxError: .*")),
    Case("module", "", fails("Runtime.ImportModuleError", r"Error: Cannot find module 'other'\nRequire stack:\n- /var/runtime/index\.mjs"), options={"Handler": "other.handler"}),
    Case("import", "require('no-such-package')", fails("Runtime.ImportModuleError", r"Error: Cannot find module 'no-such-package'\nRequire stack:\n- /var/task/index\.js.*")),
    Case("import in an ES module", "import 'no-such-package'; export const handler = async () => 1;", fails("Error", r"Cannot find package 'no-such-package' imported from /var/task/module\.mjs"), options=MODULE),
    Case("missing SDK", "require('@aws-sdk/client-s3')", fails("Runtime.ImportModuleError", r"Error: Cannot find module '@aws-sdk/client-s3'\nRequire stack:.*")),
    Case("missing SDK in an ES module", "import { S3Client } from '@aws-sdk/client-s3'; export const handler = async () => 1;", fails("Error", r"Cannot find package '@aws-sdk/client-s3' imported from /var/task/module\.mjs"), options=MODULE),
    _async("missing SDK in the handler", "await import('@aws-sdk/client-s3')", fails("Error", r"Cannot find package '@aws-sdk/client-s3' imported from /var/task/index\.js")),
    Case("handler", "exports.other = 1", fails("Runtime.HandlerNotFound", "index.handler is undefined or not exported")),
    Case("handler that is no function", "exports.handler = 1", fails("Runtime.HandlerNotFound", "index.handler is not a function")),
    Case("no dot", "", fails("Runtime.MalformedHandlerName", "Bad handler"), options={"Handler": "index"}),
    Case("error at import", "throw new Error('at import')", fails("Error", "at import")),
    Case("lost rejection at import", "Promise.reject(new Error('boo')); exports.handler = async () => 1;", fails("Runtime.UnhandledPromiseRejection", "Error: boo")),
    Case("lost rejection at import of an ES module", "Promise.reject(new Error('boo')); export const handler = async () => 1;", fails("Runtime.UnhandledPromiseRejection", "Error: boo"), options=MODULE),
]  # fmt: skip

FILES = {
    "sibling.mjs": "export const VALUE = 'beside';",
    "sibling.cjs": "exports.VALUE = 'beside';",
    "node_modules/pack/index.js": "module.exports = 'packed';",
    "folder/inner.js": "exports.handler = async () => 'folder';",
}
