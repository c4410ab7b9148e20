// Leads answers for custom resources to where the sandbox takes them, whichever way they set out.
//
// AWS's `cfn-response` and the CDK's own functions take the host and the path from the event's ResponseURL and ask port 443 by TLS,
// whatever the address says; ours is plain HTTP on another port. Loaded with the first event that holds such an address, so that in
// every other function `https` is Node's own.

import http from "node:http";
import https from "node:https";
import module from "node:module";

const HOST = "127.0.0.1";
const PATH = "/cloudformation-custom-resource-response-";
let port = 0; // where the answers are taken

/** Take the port from the address in an event's text, which may be deep inside: state machines hand it on. */
export function lead(text) {
  port = Number(/http:\/\/127\.0\.0\.1:(\d+)\/cloudformation-custom-resource-response-/.exec(text)?.[1] ?? port);
}

const isAnswer = (path, { hostname, host, port: asked }) =>
  String(path).startsWith(PATH) && (hostname ?? host) === HOST && [443, port].includes(Number(asked || 443));

// Every request of https comes by here for its connection, also that of a function which kept `request` for itself.
const plain = new http.Agent({ keepAlive: false });
const { addRequest } = https.Agent.prototype;
https.Agent.prototype.addRequest = function (request, options, ...rest) {
  if (!isAnswer(request.path, options)) return addRequest.call(this, request, options, ...rest);
  request.agent = plain;
  return plain.addRequest(request, { ...options, port });
};

// An address that is handed over whole says "http", which https.request refuses.
for (const name of ["request", "get"]) {
  const original = https[name];
  https[name] = function (place, ...rest) {
    return original.call(this, secured(place), ...rest);
  };
}
module.syncBuiltinESMExports(); // for `import { request } from "node:https"`

function secured(place) {
  if (typeof place === "string" || place instanceof URL) {
    const address = String(place);
    const ours = address.startsWith(`http://${HOST}:${port}${PATH}`);
    return ours ? new URL(address.replace("http", "https")) : place;
  }
  return place?.protocol === "http:" && isAnswer(place.path, place) ? { ...place, protocol: "https:" } : place;
}
