// The Runtime API client for Node.js: what loads and runs the handler inside an environment.
//
// Node's own modules only. One keep-alive TCP connection carries everything; an answer and the request for the next event
// leave in one write. Source: AWS Lambda Developer Guide, "Building Lambda functions with Node.js", "Response streaming" and
// "Using the Lambda runtime API", read 2026-11.

import { closeSync, existsSync, readdirSync, readSync, statSync, writeSync } from "node:fs";
import module from "node:module";
import net from "node:net";
import path from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import util from "node:util";

becomeSomebodys();

const API = "/2018-06-01/runtime";
const HOST = process.env.AWS_LAMBDA_RUNTIME_API;
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const DELIMITER = Buffer.alloc(8); // AWS: eight NUL bytes part the metadata from the body
const NEXT = Buffer.from(`GET ${API}/invocation/next HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
const VERSION = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1] ?? 24); // the runtime's, whatever stands in
const CALLBACKS = VERSION < 24; // AWS: from Node.js 24 on a handler has none
const NO_CALLBACKS =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify " +
  "this function to use a supported handler signature to use Node.js 24 or later. For more information see " +
  "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
const UNREADABLE =
  "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
const NOT_ASYNC = "Streaming does not support non-async handlers.";
const IGNORED = "Streaming handlers ignore return values.";
const UNSETTLED = 13; // Source: Node.js, "Process", exit codes: an unsettled top-level await, read 2026-11
const NEVER_SETTLED =
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never " +
  "settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes";
const ANSWERS = "/cloudformation-custom-resource-response-"; // where a custom resource's function answers
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

// --- started ahead ----------------------------------------------------------------------------------

/** In a process that was started before its function was known: load what most handlers ask for, wait, and be that function's. */
function becomeSomebodys() {
  if (!process.env.LAMBDA_SANDBOX_WAITS) return;
  const fd = Number(process.env.LAMBDA_SANDBOX_WAITS);
  const load = module.createRequire(import.meta.url);
  for (const name of ["assert", "crypto", "fs/promises", "https", "os", "querystring", "stream/promises", "zlib"]) load(`node:${name}`);
  const packet = Buffer.alloc(262144);
  const length = readSync(fd, packet);
  if (!length) process.exit(0); // the sandbox has let go of it
  closeSync(fd);
  const { variables, task } = JSON.parse(packet.toString("utf8", 0, length));
  for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
  for (const name in variables) {
    if (process.env[name] !== variables[name]) process.env[name] = variables[name]; // TZ anew costs 30 ms
  }
  process.chdir(task);
}

// --- errors -----------------------------------------------------------------------------------------

class RuntimeFault extends Error {
  constructor(name, message) {
    super(message);
    // AWS: until Node.js 24 the name is the class's, so that the log does not list it as a member of the error.
    Object.defineProperty(this, "name", { value: name, enumerable: !CALLBACKS, configurable: true, writable: true });
  }
}

const isText = (value) => typeof value === "string" && value !== "";
const escaped = (text) => text.replaceAll("\x7f", "%7F"); // AWS: the one control character that a header may not hold and JSON may
const isError = (value) => util.types.isNativeError(value) || (value && [value.name, value.message, value.stack].every(isText));

/**
 * An error in AWS's shape; ``trace`` holds the stack's lines, its head included. Whatever was thrown, this does not throw.
 *
 * Source: aws-lambda-nodejs-runtime-interface-client, Errors.js of its third and utils/error.ts of its fourth version, which
 * came with Node.js 24, read 2026-11.
 */
function errorPayload(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: CALLBACKS ? error.toString() : String(error), trace: [] };
    return {
      errorType: escaped(String(error.name ?? error.constructor?.name ?? "Error")),
      errorMessage: escaped(String(error.message)),
      trace: CALLBACKS ? escaped(error.stack).split("\n") : (error.stack ? escaped(error.stack).split("\n") : []),
    };
  } catch {
    return { errorType: "handled", errorMessage: UNREADABLE, trace: [] };
  }
}

/** AWS: what the log shows of a value that is no error is an error with that text. */
function asError(value) {
  if (value instanceof Error) return value;
  return new Error(CALLBACKS && value === undefined ? "" : textOf(value));
}

function textOf(value) {
  try {
    return String(value);
  } catch {
    return UNREADABLE;
  }
}

/** The longer form that goes to a log of text: with the error's own members. Like AWS's, it leaves out what caused the error. */
function errorForLog(_, value) {
  if (!(value instanceof Error)) return value;
  const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  return typeof value.stack === "string" ? { ...shown, stack: value.stack.split("\n") } : shown;
}

/** The form that goes to a log of JSON: AWS names the error there by its class. */
function errorForJsonLog(_, value) {
  return value instanceof Error ? { ...errorMembers(value, value.stack), ...value } : value;
}

function errorMembers(error, withoutStack) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : withoutStack,
  };
}

/** The text of an error for the log; one with members that JSON has no form for is shown without them. */
function errorText(error) {
  try {
    return JSON.stringify(error, errorForLog);
  } catch {
    return JSON.stringify(errorPayload(error));
  }
}

const xrayCause = (error) => {
  if (!util.types.isNativeError(error)) return "";
  const stack = String(error.stack).split("\n").slice(1);
  const frames = stack.map((line) => {
    const [, label = "anonymous", file = "", number = "0"] = /at (?:(.*?) \()?(.*?):(\d+):\d+\)?$/.exec(line) ?? [];
    return { path: file, line: Number(number), label };
  });
  const cause = {
    working_directory: process.cwd(),
    exceptions: [{ type: error.name, message: error.message, stack: frames }],
    paths: [...new Set(frames.map((frame) => frame.path))],
  };
  const text = Buffer.from(JSON.stringify(cause)).toString("latin1").replace(/[^\x20-\x7e]/g, "?");
  return text.length < 1024 * 1024 ? text : "";
};

const advised = new Set();

/** Say in the log, once, what to do about a part of the SDK that is not there. */
function adviseOnSdk(error) {
  if (!["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) return;
  const [, name] = /^Cannot find (?:module|package) '((?:@aws-sdk|@smithy)\/[^'/]+|aws-sdk(?=['/]))/.exec(error.message) ?? [];
  if (!name || advised.has(name)) return;
  advised.add(name);
  // AWS's runtimes bring version 3 of the SDK from Node.js 18 on, and version 2 until then.
  let hint = `AWS's runtime brings ${name}, and the sandbox only what you have installed: run "npm install ${name}" in a folder DIR and start the sandbox with --node-modules DIR (or LAMBDA_SANDBOX_NODE_MODULES=DIR), or put it into the package or a layer.`;
  if (name === "aws-sdk") hint = "AWS's runtimes since nodejs18.x do not have aws-sdk, which is version 2 of the SDK: import version 3 (@aws-sdk/client-...), or put aws-sdk into the package or a layer.";
  writeAll(`SANDBOX Hint: ${hint}\n`);
}

/** Say in the log what to do about a package without the handler's file. */
function adviseOnPackage(root, name) {
  const file = path.basename(name);
  const nested = readdirSync(root, { withFileTypes: true }).find((entry) => entry.isDirectory() && entry.name !== "node_modules" && [".js", ".mjs", ".cjs"].some((end) => existsSync(path.join(root, entry.name, file + end))));
  let hint = `the package has no ${name}.js, .mjs or .cjs: correct the handler, or put the file into the package.`;
  if (existsSync(path.resolve(root, `${name}.ts`))) hint = `the package has ${name}.ts, which Lambda does not compile: run tsc or esbuild, and zip what comes out.`;
  else if (nested) hint = `the package has ${file} in the folder ${nested.name}: zip the folder's content and not the folder, or name it in the handler (${nested.name}/${path.basename(process.env._HANDLER)}).`;
  writeAll(`SANDBOX Hint: ${hint}\n`);
}

// --- the log ----------------------------------------------------------------------------------------

let requestId = CALLBACKS ? undefined : "-"; // AWS: what init logs has the text "undefined" in its place, and none in JSON
let tenantId;
const json = (process.env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
const lowest = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase()));

function writeAll(text) {
  let bytes = Buffer.from(text);
  while (bytes.length) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function log(level, ...parts) {
  if (LEVELS.indexOf(level) < lowest) return;
  const timestamp = new Date().toISOString();
  if (json) {
    writeAll(`${jsonEntry(timestamp, level, parts)}\n`);
    return;
  }
  // DIFFERS: a line break within one entry of a Node.js function's console is a carriage return, so that the entry stays one event. On
  // AWS, whose runtime hands entries over one by one, it stays a line break.
  const message = util.format(...parts).replace(/\n/g, "\r");
  writeAll(`${timestamp}\t${requestId}\t${level}\t${message}\n`);
}

function jsonEntry(timestamp, level, [message, ...more]) {
  const entry = { timestamp, level, requestId, ...(tenantId ? { tenantId } : {}) };
  if (!more.length) {
    try {
      return JSON.stringify({ ...entry, message }, errorForJsonLog);
    } catch {
      return JSON.stringify({ ...entry, message: util.format(message) });
    }
  }
  // AWS: from Node.js 24 on an error in the first place is told by the message alone.
  const error = (CALLBACKS ? [message, ...more] : more).find((part) => part instanceof Error);
  return JSON.stringify({ ...entry, message: util.format(message, ...more), ...(error ? errorMembers(error, []) : {}) });
}

function patchConsole() {
  // AWS: with a message at least, so that a call without any writes the text "undefined".
  for (const level of LEVELS) console[level.toLowerCase()] = (message, ...more) => log(level, message, ...more);
  console.log = console.info;
}

const logError = (title, error) => (json ? log("ERROR", asError(error)) : log("ERROR", `${title} \t${errorText(asError(error))}`));

// --- the wire ---------------------------------------------------------------------------------------

const colon = HOST.lastIndexOf(":");
const socket = net.connect(Number(HOST.slice(colon + 1)), HOST.slice(0, colon));
socket.setNoDelay(true);
let received = [];
let receivedBytes = 0;
let wanted = 0; // bytes of the message being read, once its head is known
const readers = []; // one for each answer that is still to come, in order

socket.on("data", (chunk) => {
  received.push(chunk);
  receivedBytes += chunk.length;
  if (receivedBytes >= wanted) readMessages();
});
socket.on("error", () => process.exit(0));
socket.on("close", () => process.exit(0)); // the sandbox hung up: nothing is left to do

function readMessages() {
  let data = received.length === 1 ? received[0] : Buffer.concat(received);
  for (;;) {
    const end = data.indexOf("\r\n\r\n");
    if (end < 0) break;
    const [first, ...lines] = data.toString("utf8", 0, end).split("\r\n");
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
    const total = end + 4 + Number(headers["content-length"] ?? 0);
    if (data.length < total) {
      wanted = total;
      received = [data];
      receivedBytes = data.length;
      return;
    }
    const body = data.subarray(end + 4, total);
    data = data.subarray(total);
    readers.shift()?.({ status: Number(first.slice(9, 12)), headers, body });
  }
  wanted = 0;
  received = data.length ? [data] : [];
  receivedBytes = data.length;
}

/** Send one request, or several in one write; resolve with the answer to the last one. */
function send(...messages) {
  for (let i = 1; i < messages.length; i += 1) readers.push(() => {});
  return new Promise((resolve) => {
    readers.push(resolve);
    socket.write(Buffer.concat(messages));
  });
}

function post(where, body, headers = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const lines = Object.entries({ "Content-Type": "application/json", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${API}${where} HTTP/1.1\r\nHost: ${HOST}\r\n${lines.join("")}Content-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

function errorMessage(where, error) {
  const payload = errorPayload(error);
  const headers = { "Lambda-Runtime-Function-Error-Type": payload.errorType.replace(/[^\x20-\x7e]/g, "?") };
  const cause = xrayCause(error);
  if (cause) headers["Lambda-Runtime-Function-XRay-Error-Cause"] = cause;
  return post(where, JSON.stringify(payload), headers);
}

// --- response streaming -----------------------------------------------------------------------------

/** The stream that a streaming handler writes to: chunked on the wire from the first byte on, errors in trailers. */
class ResponseStream extends Writable {
  constructor(id, highWaterMark) {
    super({ highWaterMark });
    this.id = id;
    this.started = false;
    this.contentType = "application/octet-stream";
    this.prelude = null;
  }

  setContentType(type) {
    if (this.started) throw new RuntimeFault("Runtime.InvalidStreamingOperation", "Cannot set content-type, too late.");
    this.contentType = type;
  }

  start() {
    if (this.started) return;
    this.started = true;
    socket.write(
      `POST ${API}/invocation/${this.id}/response HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: ${this.contentType}\r\n` +
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n" +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
    );
  }

  chunk(bytes, done) {
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    const room = socket.write("\r\n");
    socket.uncork();
    if (done) room ? done() : socket.once("drain", done);
  }

  write(data, ...rest) {
    // AWS: the metadata goes out with the first call of write; an answer that is only ended has none.
    const prelude = this.prelude;
    this.prelude = null;
    if (prelude) super.write(Buffer.concat([Buffer.from(prelude), DELIMITER]));
    const plain = typeof data === "string" || data instanceof Uint8Array;
    return super.write(plain || data === null ? data : JSON.stringify(data), ...rest);
  }

  _write(bytes, _encoding, done) {
    this.start();
    bytes.length ? this.chunk(bytes, done) : done();
  }

  _final(done) {
    this.start();
    done();
  }

  /** The end of the message, with what went wrong after the first byte. */
  closing(error) {
    if (!error) return Buffer.from("0\r\n\r\n");
    const payload = errorPayload(error);
    const body = Buffer.from(JSON.stringify(payload)).toString("base64");
    const type = payload.errorType.replace(/[^\x20-\x7e]/g, "?");
    return Buffer.from(`0\r\nLambda-Runtime-Function-Error-Type: ${type}\r\nLambda-Runtime-Function-Error-Body: ${body}\r\n\r\n`);
  }
}

/** AWS: from Node.js 24 on, the invocation that runs, for libraries that are not handed its context. */
const InvokeStore = {
  PROTECTED_KEYS: { REQUEST_ID: Symbol.for("_AWS_LAMBDA_REQUEST_ID"), X_RAY_TRACE_ID: Symbol.for("_AWS_LAMBDA_X_RAY_TRACE_ID"), TENANT_ID: Symbol.for("_AWS_LAMBDA_TENANT_ID") },
  currentContext: undefined,
  getContext: () => InvokeStore.currentContext,
  hasContext: () => InvokeStore.currentContext !== undefined,
  get: (key) => InvokeStore.currentContext?.[key],
  set(key, value) {
    if (Object.values(InvokeStore.PROTECTED_KEYS).includes(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    InvokeStore.currentContext = { ...InvokeStore.currentContext, [key]: value };
  },
  run(context, what) {
    InvokeStore.currentContext = context;
    return what();
  },
  getRequestId: () => InvokeStore.get(InvokeStore.PROTECTED_KEYS.REQUEST_ID) ?? "-",
  getXRayTraceId: () => InvokeStore.get(InvokeStore.PROTECTED_KEYS.X_RAY_TRACE_ID),
  getTenantId: () => InvokeStore.get(InvokeStore.PROTECTED_KEYS.TENANT_ID),
};

if (!["1", "true"].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) globalThis.awslambda = {
  ...(CALLBACKS ? {} : { InvokeStore }),
  streamifyResponse(handler, options) {
    handler[STREAMING] = "response";
    if (options?.highWaterMark) handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setContentType(PRELUDE_TYPE);
      stream.prelude = JSON.stringify(metadata);
      return stream;
    },
  },
};

// --- packages in layers -----------------------------------------------------------------------------

let hookImports = () => {}; // before Node.js 22.15: called ahead of the first import, since its thread costs up to 200 ms

/** Return the names in a folder; none where it cannot be read. */
function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Let ``import`` find what ``require`` finds by NODE_PATH. AWS: its Node.js does so from version 18 on. */
function importFromLayers() {
  // The runtime's own folder is there, and empty, where nobody has named an SDK: nothing is hooked for it.
  const found = (process.env.NODE_PATH ?? "").split(":").filter((folder) => path.basename(folder) === "node_modules" && entries(folder).length);
  if (VERSION < 18 || !found.length) return;
  const layers = found.map((folder) => [folder, pathToFileURL(path.join(path.dirname(folder), "layer.mjs")).href]);
  if (module.registerHooks) {
    const resolve = (name, context, next) => {
      try {
        return next(name, context);
      } catch (error) {
        return next(name, inLayers(layers, existsSync, name, context, error));
      }
    };
    module.registerHooks({ resolve });
  } else if (module.register) {
    const source = `
      import { existsSync } from "node:fs";
      ${inLayers}
      let layers;
      export const initialize = (found) => void (layers = found);
      export async function resolve(name, context, next) {
        try {
          return await next(name, context);
        } catch (error) {
          return next(name, inLayers(layers, existsSync, name, context, error));
        }
      }`;
    const compile = module.prototype._compile;
    hookImports = () => {
      hookImports = () => {};
      module.prototype._compile = compile;
      module.register(`data:text/javascript,${encodeURIComponent(source)}`, { data: layers });
    };
    module.prototype._compile = function _compile(code, ...rest) {
      if (/\bimport\s*\(/.test(code)) hookImports();
      return compile.call(this, code, ...rest);
    };
  }
}

function importFile(file) {
  hookImports();
  return import(pathToFileURL(file).href);
}

/** Return the context of an importing file beside the first layer folder with that package, or throw the error that there was. */
function inLayers(layers, existsSync, name, context, error) {
  const [bare] = /^(?:@[^/:]+\/)?[^@./#:][^/:]*(?=\/|$)/.exec(name) ?? [];
  const layer = bare && error?.code === "ERR_MODULE_NOT_FOUND" && layers.find(([folder]) => existsSync(`${folder}/${bare}`));
  if (!layer) throw error;
  return { ...context, parentURL: layer[1] };
}

// --- the handler ------------------------------------------------------------------------------------

async function loadHandler(root, name) {
  if (name.includes("..")) throw new RuntimeFault("Runtime.MalformedHandlerName", `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const file = path.basename(name);
  const match = /^([^.]*)\.(.*)$/.exec(file);
  if (!match) throw new RuntimeFault("Runtime.MalformedHandlerName", "Bad handler");
  const module_ = path.join(path.dirname(name), match[1]);
  const exported = await loadModule(root, module_);
  const find = (value) => match[2].split(".").reduce((inner, key) => inner && inner[key], value);
  // AWS: from Node.js 24 on a member of the default export is found as well.
  const found = find(exported) || (CALLBACKS ? undefined : find(exported?.default));
  if (!found) throw new RuntimeFault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeFault("Runtime.HandlerNotFound", `${name} is not a function`);
  if (!CALLBACKS && found.length > 2 && !found[STREAMING]) throw new RuntimeFault("Runtime.CallbackHandlerDeprecated", NO_CALLBACKS);
  return found;
}

async function loadModule(root, name) {
  const base = path.resolve(root, name);
  const require = module.createRequire(path.join(process.env.LAMBDA_RUNTIME_DIR, "index.mjs"));
  try {
    if (existsSync(base) && statSync(base).isFile()) return require(base);
    if (existsSync(`${base}.js`)) return await loadFile(`${base}.js`, require);
    if (existsSync(`${base}.mjs`)) return await importFile(`${base}.mjs`);
    if (existsSync(`${base}.cjs`)) return require(`${base}.cjs`);
    return require(require.resolve(name, { paths: [root, path.dirname(base)] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      const fault = new RuntimeFault("Runtime.UserCodeSyntaxError", `${error.name}: ${error.message}`);
      // DIFFERS: the trace of a Node.js function's syntax error shows the line that has it. AWS's runtimes do so from Node.js 24 on.
      fault.stack = CALLBACKS ? `${fault.name}: ${error.stack}` : error.stack;
      throw fault;
    }
    adviseOnSdk(error);
    if (error?.code === "MODULE_NOT_FOUND" && error.message.includes(`'${name}'`)) adviseOnPackage(root, name);
    if (error?.code === "MODULE_NOT_FOUND") { // AWS: not ERR_MODULE_NOT_FOUND, which an ES module's import gives
      const text = error.message.includes(`'${name}'`) ? `Error: Cannot find module '${path.basename(name)}'\n${error.message.split("\n").slice(1).join("\n")}`.trimEnd() : `Error: ${error.message}`;
      throw new RuntimeFault("Runtime.ImportModuleError", text);
    }
    throw error;
  }
}

/** A ``.js`` file is an ES module when the nearest package.json says so. */
async function loadFile(file, require) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, "package.json");
    if (existsSync(manifest)) return require(manifest).type === "module" ? importFile(file) : require(file);
    if (folder === path.dirname(folder)) return require(file);
  }
}

function jsonHeader(headers, name) {
  return headers[name] ? JSON.parse(headers[name]) : undefined;
}

function makeContext(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: jsonHeader(headers, "lambda-runtime-client-context"),
    identity: jsonHeader(headers, "lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    ...(CALLBACKS ? {} : { xRayTraceId: headers["lambda-runtime-trace-id"] }),
    getRemainingTimeInMillis: () => deadline - Date.now(),
    ...(CALLBACKS ? { callbackWaitsForEmptyEventLoop: true } : {}),
  };
}

let finish = null; // ends the invocation that runs; the process's own handlers of lost errors use it
let whenIdle = null; // what the invocation does once its event loop is empty

/** Run one event and return the messages that answer it. */
function run(handler, { headers, body }) {
  const id = headers["lambda-runtime-aws-request-id"];
  const streaming = handler[STREAMING] === "response";
  return new Promise((resolve) => {
    const stream = streaming ? new ResponseStream(id, handler[HIGH_WATER_MARK]) : null;
    const settle = (error, result) => {
      if (finish !== settle) return; // answered before, perhaps an earlier event
      finish = whenIdle = null;
      resolve(answer(id, stream, error, result));
    };
    finish = settle;
    try {
      const context = makeContext(headers);
      const event = JSON.parse(body.toString("utf8"));
      stream ? runStreaming(handler, event, stream, context, settle) : runBuffered(handler, event, context, settle);
    } catch (error) {
      settle({ error });
    }
  });
}

function answer(id, stream, failed, result) {
  if (failed) {
    adviseOnSdk(failed.error);
    logError("Invoke Error", failed.error);
    if (stream?.writableFinished) return stream.closing(); // AWS: the answer was complete, and stays one
    stream?.destroy(); // what the handler still writes is nobody's
    return stream?.started ? stream.closing(failed.error) : errorMessage(`/invocation/${id}/error`, failed.error);
  }
  if (stream) return stream.closing();
  try {
    return post(`/invocation/${id}/response`, JSON.stringify(result === undefined ? null : result) ?? "null");
  } catch {
    const fault = new RuntimeFault(CALLBACKS ? "Error" : "Runtime.JSONStringifyError", "Unable to stringify response body");
    logError("Invoke Error", fault);
    return errorMessage(`/invocation/${id}/error`, fault);
  }
}

// DIFFERS: a streamed answer of a Node.js function is complete when its handler is through as well. AWS's runtime completes it when the
// stream ends, and the handler goes on, on the same bill.

/** The invocation is over when the handler is through and its stream has ended. AWS: who returns no promise fails, though late. */
function runStreaming(handler, event, stream, context, settle) {
  const ended = new Promise((resolve) => stream.once("finish", resolve));
  const fail = (error) => (stream.writableEnded && !stream.errored ? ended.then(() => settle({ error })) : settle({ error }));
  stream.on("error", (error) => settle({ error }));
  socket.ref(); // AWS: a stream that nobody ends keeps the process until the timeout
  const returned = handler(event, stream, context);
  if (typeof returned?.then !== "function") {
    fail(CALLBACKS ? NOT_ASYNC : new Error(NOT_ASYNC));
    return;
  }
  returned.then((value) => {
    if (value !== undefined) console.warn(IGNORED);
    ended.then(() => settle(null));
  }, fail);
}

/** A promise's value is the answer; a callback's waits for an empty event loop unless the context says otherwise. */
function runBuffered(handler, event, context, settle) {
  let result = null;
  let ended = false;
  whenIdle = CALLBACKS ? () => settle(null, result) : () => lost("Invoke Error", new RuntimeFault("Runtime.NodeJsExit", NEVER_SETTLED), UNSETTLED);
  const first = (end) => (...values) => { // AWS: whichever end comes first counts, and no other
    if (ended) return;
    ended = true;
    end(...values);
  };
  const callback = (error, value) => {
    const failed = error !== null && error !== undefined;
    result = value;
    if (failed || context.callbackWaitsForEmptyEventLoop === false) setImmediate(() => settle(failed ? { error } : null, value));
  };
  if (CALLBACKS) addOldEnds(context, callback, first);
  try {
    const returned = CALLBACKS ? handler(event, context, first(callback)) : handler(event, context);
    // AWS: until Node.js 24 a rejection without a value is told as the text "handled".
    const rejected = (error) => settle({ error: CALLBACKS ? (error ?? "handled") : error });
    if (typeof returned?.then === "function") returned.then(first((value) => settle(null, value)), first(rejected));
    else if (!CALLBACKS) settle(null, returned);
  } catch (error) {
    // AWS: until Node.js 24 what is thrown is the callback's first argument, so throwing null or undefined succeeds with null.
    first(CALLBACKS ? callback : () => settle({ error }))(error);
  }
}

function addOldEnds(context, callback, first) {
  const atOnce = (error, value) => {
    context.callbackWaitsForEmptyEventLoop = false;
    callback(error, value);
  };
  context.done = first(atOnce);
  context.succeed = first((value) => atOnce(null, value));
  context.fail = first((error) => atOnce(error ?? "handled"));
}

// --- the loop ---------------------------------------------------------------------------------------

let ending = false;

/** An error that no handler caught: it fails the event that runs, or the init, and the process ends. */
function lost(title, error, code) {
  logError(title, error);
  if (ending) return;
  ending = true;
  const where = finish ? `/invocation/${requestId}/error` : "/init/error";
  finish = whenIdle = null;
  socket.ref();
  send(errorMessage(where, error)).then(() => process.exit(code));
}

function lostRejection(reason, promise) {
  const native = util.types.isNativeError(reason);
  // AWS: the message is made of the reason as Error's constructor does it: without one it is empty.
  const fault = new RuntimeFault("Runtime.UnhandledPromiseRejection", native ? `${reason.name}: ${reason.message}` : (reason === undefined ? "" : textOf(reason)));
  lost("Unhandled Promise Rejection", Object.assign(fault, { reason, promise }), 128);
}

async function main() {
  patchConsole();
  process.on("uncaughtException", (error) => lost("Uncaught Exception", error, 129));
  process.on("unhandledRejection", lostRejection);
  // What waits for a promise that nothing can settle any more ends as in Node.js itself; until 24 a handler answers null.
  process.on("beforeExit", () => (whenIdle ? whenIdle() : process.exit(UNSETTLED)));
  let handler;
  socket.unref(); // a module may wait so as well
  try {
    importFromLayers();
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (error) {
    CALLBACKS ? lost("Uncaught Exception", error, 129) : lost("Init Error", error, 1);
  }
  await new Promise(setImmediate); // a rejection that the module left behind is told by then
  if (ending) return;
  let message = null;
  for (;;) {
    socket.ref();
    const event = await (message ? send(message, NEXT) : send(NEXT));
    socket.unref(); // so that an empty event loop shows
    requestId = event.headers["lambda-runtime-aws-request-id"];
    tenantId = event.headers["lambda-runtime-aws-tenant-id"];
    const trace = event.headers["lambda-runtime-trace-id"];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;
    InvokeStore.currentContext = { [InvokeStore.PROTECTED_KEYS.REQUEST_ID]: requestId, [InvokeStore.PROTECTED_KEYS.X_RAY_TRACE_ID]: trace, [InvokeStore.PROTECTED_KEYS.TENANT_ID]: tenantId };
    if (event.body.includes(ANSWERS)) (await import("./node_answers.mjs")).lead(event.body.toString("latin1"));
    message = await run(handler, event);
  }
}

main();
