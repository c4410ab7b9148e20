import importlib.metadata

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:collect]
# What `pip install --target package jmespath` would put into the folder,
# taken from where it is installed here.
library = {
    str(path): path.read_binary()
    for path in importlib.metadata.distribution("jmespath").files or []
    if path.parts[0] == "jmespath" and path.suffix == ".py"
}
HANDLER = b"""
import jmespath

def handler(event, context):
    return {"skus": jmespath.search("lines[].sku", event), "library": jmespath.__file__}
"""
# --8<-- [end:collect]

# --8<-- [start:deploy]
order = {"lines": [{"sku": "jam"}, {"sku": "tea"}]}

flat = sandbox.deploy({"app.py": HANDLER, **library}, FunctionName="flat")
print(flat.invoke(order).value)

too_deep = {
    f"package/{name}": content
    for name, content in {"app.py": HANDLER, **library}.items()
}
deep = sandbox.deploy(too_deep, FunctionName="deep")
print(deep.invoke(order).value["errorMessage"])
# --8<-- [end:deploy]
