from lambda_sandbox import connect
from lambda_sandbox.event_shapes import load

sandbox = connect()

# --8<-- [start:code]
CODE = """
def handler(event, context):
    address = event["request"]["userAttributes"]["email"]
    if not address.endswith("@cloudberry.example"):
        raise Exception("This door is for our own people")
    event["response"]["autoConfirmUser"] = True
    return event  # the whole event, with the response filled in
"""
# --8<-- [end:code]

# --8<-- [start:use]
function = sandbox.deploy(CODE, FunctionName="cloudberry-sign-up")
sample = load("cognito-userpool").event()
for address in ("ada@cloudberry.example", "eve@elsewhere.example"):
    sample["request"]["userAttributes"]["email"] = address
    answer = function.invoke(sample)
    print(
        address,
        "->",
        answer.value["errorMessage"]
        if answer.error
        else answer.value["response"],
    )
# --8<-- [end:use]
