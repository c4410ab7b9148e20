// Deploys, invokes, asks and fails with the AWS SDK for JavaScript; prints what it saw as JSON.
const lambda = require("@aws-sdk/client-lambda");
const { readFileSync } = require("node:fs");

const client = new lambda.LambdaClient({
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
  maxAttempts: 1,
});
const name = "from-javascript";

async function refused(command) {
  try {
    await client.send(command);
  } catch (error) {
    return { name: error.name, message: error.message, status: error.$metadata.httpStatusCode };
  }
  throw new Error("it was not refused");
}

async function main() {
  const made = await client.send(
    new lambda.CreateFunctionCommand({
      FunctionName: name,
      Runtime: "python3.12",
      Handler: "app.handler",
      Role: "arn:aws:iam::000000000000:role/demo",
      Code: { ZipFile: readFileSync(process.argv[2]) },
      Environment: { Variables: { FRUIT: "kiwi" } },
      Publish: true,
    }),
  );
  await lambda.waitUntilFunctionActiveV2({ client, maxWaitTime: 20 }, { FunctionName: name });
  await client.send(
    new lambda.CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: made.Version }),
  );
  const answer = await client.send(
    new lambda.InvokeCommand({ FunctionName: name, Qualifier: "live", Payload: '{"price": 3}' }),
  );
  const names = [];
  for await (const page of lambda.paginateListFunctions({ client, pageSize: 1 }, {})) {
    names.push(...page.Functions.map((each) => each.FunctionName));
  }
  const missing = await refused(new lambda.GetFunctionCommand({ FunctionName: "missing" }));
  const invalid = await refused(
    new lambda.UpdateFunctionConfigurationCommand({ FunctionName: name, MemorySize: 1 }),
  );
  await client.send(new lambda.DeleteFunctionCommand({ FunctionName: name }));
  console.log(
    JSON.stringify({
      version: made.Version,
      answer: JSON.parse(Buffer.from(answer.Payload).toString()),
      listed: names.includes(name),
      missing,
      invalid,
    }),
  );
}

main();
