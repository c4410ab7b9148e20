from urllib.request import urlopen

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
def handler(event, context):
    note = event["queryStringParameters"].get("note", "")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "body": f"{event['httpMethod']} {event['path']}, and the note is still {note}",
    }
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-help")
ec2 = boto3.client("ec2")
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
subnets = [
    subnet["SubnetId"]
    for subnet in ec2.describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}]
    )["Subnets"]
][:2]

# --8<-- [start:connect]
elb, lambda_client = boto3.client("elbv2"), boto3.client("lambda")
balancer = elb.create_load_balancer(Name="shop", Subnets=subnets)[
    "LoadBalancers"
][0]
group = elb.create_target_group(Name="help", TargetType="lambda")[
    "TargetGroups"
][0]["TargetGroupArn"]
lambda_client.add_permission(
    FunctionName="cloudberry-help",
    StatementId="shop-balancer",
    Action="lambda:InvokeFunction",
    Principal="elasticloadbalancing.amazonaws.com",
    SourceArn=group,
)
elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function.arn}])
elb.create_listener(
    LoadBalancerArn=balancer["LoadBalancerArn"],
    Protocol="HTTP",
    Port=80,
    DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
)
# --8<-- [end:connect]

port = sandbox.endpoint.rpartition(":")[2]

# --8<-- [start:use]
print(
    urlopen(f"http://{balancer['DNSName']}:{port}/help?note=plum%20jam")
    .read()
    .decode()
)
# --8<-- [end:use]
