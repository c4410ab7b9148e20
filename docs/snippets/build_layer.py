import importlib.metadata
import json

import boto3

from lambda_sandbox import connect, package

connect()
lambda_client = boto3.client("lambda")

# --8<-- [start:collect]
# What `pip install --target python jmespath` would put into a folder, taken from where it is installed here.
library = importlib.metadata.distribution("jmespath")
files = {
    f"python/{path}": path.read_binary()
    for path in library.files or []
    if path.parts[0] == "jmespath" and path.suffix == ".py"
}
zip_file = package(files)
print(sorted(files)[:3])
# --8<-- [end:collect]

# --8<-- [start:publish]
layer = lambda_client.publish_layer_version(
    LayerName="jmespath",
    Content={"ZipFile": zip_file},
    CompatibleRuntimes=["python3.13", "python3.14"],
    CompatibleArchitectures=[
        "x86_64",
        "arm64",
    ],  # no compiled code in it, so both
    LicenseInfo="MIT",
)
# --8<-- [end:publish]

# --8<-- [start:try]
HANDLER = """
import jmespath

def handler(event, context):
    return {"skus": jmespath.search("lines[?count > `1`].sku", event), "library": jmespath.__file__}
"""
lambda_client.create_function(
    FunctionName="big-lines",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(HANDLER, filename="app.py")},
    Layers=[layer["LayerVersionArn"]],
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="big-lines")

order = {
    "lines": [
        {"sku": "jam", "count": 3},
        {"sku": "tea", "count": 1},
        {"sku": "oil", "count": 2},
    ]
}
answer = lambda_client.invoke(
    FunctionName="big-lines", Payload=json.dumps(order)
)
print(json.load(answer["Payload"]))
# --8<-- [end:try]

# --8<-- [start:size]
settings = lambda_client.get_function_configuration(FunctionName="big-lines")
print(
    "our own package:",
    settings["CodeSize"],
    "bytes; layers:",
    len(settings["Layers"]),
)
# --8<-- [end:size]
