// `cfn-response` for inline code in Node: the functions and names that AWS's module of this name has.
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

// Without a physical id it is the log stream's name, so that a new environment is a new resource.
exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  console.log("Response body:\n", body);
  const address = new URL(event.ResponseURL);
  const client = address.protocol === "https:" ? require("https") : require("http");
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const finish = () => {
      if (context.done) context.done();
      resolve();
    };
    const request = client.request(address, { method: "PUT", headers }, (response) => {
      console.log("Status code: " + response.statusCode);
      response.resume();
      response.on("end", finish);
    });
    request.on("error", (error) => {
      console.log("send(..) failed executing the request: " + error);
      finish();
    });
    request.end(body);
  });
};
