from lambda_sandbox import connect
from lambda_sandbox.event_shapes import load

sandbox = connect()

# --8<-- [start:code]
CODE = """
import base64

def handler(event, context):
    if "awslogs" in event:
        return "CloudWatch Logs, packed"
    if "rmqMessagesByQueue" in event:
        batches = event["rmqMessagesByQueue"].values()
        messages = [message for batch in batches for message in batch]
        return [base64.b64decode(message["data"]).decode() for message in messages]
    if "CodePipeline.job" in event:
        return "job " + event["CodePipeline.job"]["id"]
    if "ResponseURL" in event:
        wanted = f"{event['RequestType']} of {event['LogicalResourceId']}"
        return f"CloudFormation wants {wanted}"
    return event.get("source", "?")
"""
# --8<-- [end:code]

# --8<-- [start:use]
function = sandbox.deploy(CODE, FunctionName="cloudberry-anything")
for name in ("rabbitmq", "cloudformation", "cloudwatch-alarm"):
    print(f"{name}: {function.invoke(load(name).event()).value}")
# --8<-- [end:use]
