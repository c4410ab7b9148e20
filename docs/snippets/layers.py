import json

import boto3
from botocore.exceptions import ClientError

from lambda_sandbox import connect, package

connect()
lambda_client = boto3.client("lambda")
ROLE = "arn:aws:iam::000000000000:role/cloudberry"

# --8<-- [start:layer]
TAX = "def with_tax(cents):\n    return cents * 107 // 100\n"

one = lambda_client.publish_layer_version(
    LayerName="tax",
    Content={"ZipFile": package({"python/tax.py": TAX})},
    CompatibleRuntimes=["python3.13"],
)
# --8<-- [end:layer]

# --8<-- [start:functions]
HANDLER = """
import tax

def handler(event, context):
    return {"total_cents": tax.with_tax(event["cents"]), "from": tax.__file__}
"""
for name in ("quote", "invoice"):
    lambda_client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": package(HANDLER, filename="app.py")},
        Layers=[one["LayerVersionArn"]],
    )
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)
# --8<-- [end:functions]


def ask(name):
    answer = lambda_client.invoke(
        FunctionName=name, Payload=json.dumps({"cents": 1000})
    )
    return json.load(answer["Payload"])


# --8<-- [start:both]
print("quote  ", ask("quote"))
print("invoice", ask("invoice"))
# --8<-- [end:both]

# --8<-- [start:two]
two = lambda_client.publish_layer_version(
    LayerName="tax",
    Content={"ZipFile": package({"python/tax.py": TAX.replace("107", "119")})},
)
print(
    "version",
    two["Version"],
    "is published; quote says",
    ask("quote")["total_cents"],
)

lambda_client.update_function_configuration(
    FunctionName="quote", Layers=[two["LayerVersionArn"]]
)
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="quote")
print(
    "quote  ",
    ask("quote")["total_cents"],
    " invoice",
    ask("invoice")["total_cents"],
)
# --8<-- [end:two]

# --8<-- [start:delete]
lambda_client.delete_layer_version(LayerName="tax", VersionNumber=1)
print("version 1 is deleted; invoice says", ask("invoice")["total_cents"])
# --8<-- [end:delete]

# --8<-- [start:order]
three = lambda_client.publish_layer_version(
    LayerName="tax-exempt",
    Content={"ZipFile": package({"python/tax.py": TAX.replace("107", "100")})},
)
lambda_client.update_function_configuration(
    FunctionName="quote",
    Layers=[two["LayerVersionArn"], three["LayerVersionArn"]],
)
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="quote")
print("two layers with the same file:", ask("quote")["total_cents"])
# --8<-- [end:order]

# --8<-- [start:six]
try:
    six = []
    for number in range(6):
        layer = lambda_client.publish_layer_version(
            LayerName=f"extra-{number}",
            Content={"ZipFile": package({"python/nothing.py": ""})},
        )
        six.append(layer["LayerVersionArn"])
    lambda_client.update_function_configuration(
        FunctionName="quote", Layers=six
    )
except ClientError as error:
    print(error.response["Error"]["Code"], error.response["Error"]["Message"])
# --8<-- [end:six]
