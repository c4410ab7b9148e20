import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import os
import socket

# A client library of PostgreSQL begins like this: may what follows be encrypted?
QUESTION = bytes([0, 0, 0, 8, 4, 210, 22, 47])

def handler(event, context):
    with socket.create_connection((os.environ["DB_HOST"], int(os.environ["DB_PORT"])), 5) as database:
        database.sendall(QUESTION)
        return {"S": "yes", "N": "no"}[database.recv(1).decode()]
"""
# --8<-- [end:code]

# --8<-- [start:create]
rds = boto3.client("rds")
rds.create_db_instance(
    DBInstanceIdentifier="shop",
    Engine="postgres",
    DBInstanceClass="db.t4g.micro",
    AllocatedStorage=20,
    DBName="shop",
    MasterUsername="cloudberry",
    MasterUserPassword="from-the-vault-please",
)
instance = rds.describe_db_instances(DBInstanceIdentifier="shop")[
    "DBInstances"
][0]
endpoint = instance["Endpoint"]
variables = {"DB_HOST": endpoint["Address"], "DB_PORT": str(endpoint["Port"])}
function = sandbox.deploy(
    CODE, FunctionName="asks", Environment={"Variables": variables}
)
print(instance["DBInstanceStatus"])
print("encrypted:", function.invoke({}).value)
# --8<-- [end:create]
rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
