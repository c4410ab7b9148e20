"""Cases of Python's runtime: how a process ends, what it may do, its log and the context."""

from __future__ import annotations

from tests.contract.handlers.case import Case, Expected, exits, fails, returns

ENDS = [
    Case("exit with a status", "import sys\nsys.exit(3)", exits("exit status 3")),
    Case("exit with a text", "import sys\nsys.exit('why')", exits("exit status 1", log="why")),
    Case("exit through os", "import os\nos._exit(4)", exits("exit status 4")),
    Case(
        "what was printed before an end is in the log",
        "import os\nprint('last', end='')\nos._exit(1)",
        exits("exit status 1", log="last"),
    ),
    Case("killed by itself", "import os\nos.kill(os.getpid(), 9)", exits("signal: killed")),
    Case("segmentation fault", "import os\nos.kill(os.getpid(), 11)", exits("signal: segmentation fault")),
    Case("aborted", "import os\nos.abort()", exits("signal: aborted")),
    Case("keyboard interrupt ends the process", "raise KeyboardInterrupt", exits("signal: interrupt")),
    Case(
        "base exception ends the process",
        "raise BaseException('low')",
        exits("exit status 1", log="BaseException: low"),
    ),
    Case(
        "text that is no Unicode ends the process",
        "raise ValueError('\\ud800')",
        Expected(error_type="Runtime.ExitError"),
    ),
    Case(
        "after an end the next event has a new process",
        "import os\nreturn [len(seen), seen.append(1)]",
        returns([0, None]),
    ),
    Case(
        "exit in a thread ends the thread only",
        "import sys, threading\nt = threading.Thread(target=lambda: sys.exit(5))\nt.start()\nt.join()\nreturn 'here'",
        returns("here"),
    ),
    Case(
        "exception in a thread is logged",
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nreturn 'on'",
        returns("on", log="ZeroDivisionError"),
    ),
    Case(
        "timeout",
        "import time\nprint('sleeping')\ntime.sleep(60)",
        fails(
            "Sandbox.Timedout",
            r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds",
            log="sleeping",
        ),
        options={"Timeout": 1},
    ),
    Case(
        "busy timeout",
        "while True:\n    pass",
        fails("Sandbox.Timedout", r".*timed out after 1\.00 seconds"),
        options={"Timeout": 1},
    ),
]

WORK = [
    Case(
        "threads",
        "import concurrent.futures as f\nwith f.ThreadPoolExecutor(4) as pool:\n    return list(pool.map(lambda n: n * n, range(8)))",
        returns([n * n for n in range(8)]),
    ),
    Case(
        "subprocess",
        "import subprocess\nreturn subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 2'], capture_output=True, text=True).returncode",
        returns(2),
    ),
    Case(
        "subprocess that prints",
        "import subprocess\nsubprocess.run(['echo', 'from the child'])\nreturn 1",
        returns(1, log="from the child"),
    ),
    Case(
        "child that outlives the handler",
        "import subprocess\nsubprocess.Popen(['sleep', '30'])\nreturn 'left'",
        returns("left"),
    ),
    Case(
        "fork",
        "import os\npid = os.fork()\nif pid == 0:\n    os._exit(7)\nreturn os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
        returns(7),
    ),
    Case(
        "pipes between processes",
        "import multiprocessing as m\na, b = m.Pipe()\np = m.get_context('fork').Process(target=lambda: b.send('hello'))\np.start()\nx = a.recv()\np.join()\nreturn x",
        returns("hello"),
    ),
    Case(
        "asyncio",
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(0)\n    return n\nasync def g():\n    return await asyncio.gather(*(f(i) for i in range(5)))\nreturn asyncio.run(g())",
        returns([0, 1, 2, 3, 4]),
    ),
    Case(
        "temporary files",
        "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as file:\n    file.write('abc')\n    file.flush()\n    return [file.name[:5], open(file.name).read()]",
        returns(["/tmp/", "abc"]),
    ),
    Case(
        "signal handlers",
        "import os, signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\nos.kill(os.getpid(), signal.SIGUSR1)\nreturn got",
        returns([1]),
    ),
    Case(
        "a server of its own",
        "import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\ndef serve():\n    c, _ = s.accept()\n    c.sendall(b'hi')\n    c.close()\nt = threading.Thread(target=serve)\nt.start()\nc = socket.create_connection(s.getsockname())\nx = c.recv(9).decode()\nt.join()\nc.close()\ns.close()\nreturn x",
        returns("hi"),
    ),
    Case(
        "no network outside",
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=2)\nexcept OSError as error:\n    return error.errno",
        returns(101),
    ),
    Case("globals live on", "seen.append(1)\nreturn len(seen) >= 1", returns(True)),
    Case(
        "boto3 is there",
        "import boto3\nreturn boto3.client('sts').meta.endpoint_url.startswith('http://127.0.0.1')",
        returns(True),
    ),
    Case(
        "sqlite",
        "import sqlite3\nreturn sqlite3.connect(':memory:').execute('select 40 + 2').fetchone()",
        returns([42]),
    ),
    Case("time is UTC", "import time\nreturn time.strftime('%Z')", returns("UTC")),
    Case("random numbers differ", "import random\nreturn random.random() != random.random()", returns(True)),
    Case("working directory", "import os\nreturn os.getcwd()", returns("/var/task")),
    Case("task root", "import os\nreturn os.environ['LAMBDA_TASK_ROOT']", returns("/var/task")),
    Case("code comes first in the path", "import sys\nreturn sys.path[0]", returns("/var/task")),
    Case(
        "no variable of the host",
        "import os\nreturn [n for n in ('HOME', 'USER', 'VIRTUAL_ENV') if n in os.environ]",
        returns([]),
    ),
    Case("a sibling module", "import sibling\nreturn sibling.VALUE", returns("beside")),
    Case(
        "a module called as one of ours",
        "import python_json, launcher\nreturn [python_json.OWN, launcher.OWN]",
        returns(["function's", "function's"]),
    ),
    Case(
        "a data file beside the code",
        "import pathlib\nreturn pathlib.Path('data.txt').read_text()",
        returns("some data"),
    ),
]

LOGS = [
    Case("print", "print('hello', 1)\nreturn 0", returns(0, log=r"\nhello 1\n")),
    Case(
        "print without line break",
        "print('half', end='')\nprint(' whole')\nreturn 0",
        returns(0, log="half whole"),
    ),
    Case("stderr", "import sys\nprint('problem', file=sys.stderr)\nreturn 0", returns(0, log="problem")),
    Case("descriptor one", "import os\nos.write(1, b'raw\\n')\nreturn 0", returns(0, log="raw")),
    Case("unicode in the log", "print('grün \U0001f600')\nreturn 0", returns(0, log="grün \U0001f600")),
    Case("bytes that are no text", "import os\nos.write(1, b'a\\xffb\\n')\nreturn 0", returns(0, log="a.b")),
    Case(
        "printing what is no Unicode",
        "print('\\ud800')",
        fails("UnicodeEncodeError", ".*surrogates not allowed"),
    ),
    Case(
        "warning record",
        "import logging\nlogging.warning('careful %s', 1)\nreturn context.aws_request_id",
        Expected(log=r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tcareful 1\n"),
    ),
    Case(
        "info is not shown", "import logging\nlogging.info('quiet')\nreturn 0", returns(0, not_in_log="quiet")
    ),
    Case(
        "info is shown when asked for",
        "import logging\nlog = logging.getLogger()\nlog.setLevel('INFO')\nlog.info('loud')\nlog.setLevel('WARNING')\nreturn 0",
        returns(0, log=r"\[INFO\]\t.*\tloud\n"),
    ),
    Case(
        "logged exception",
        "import logging\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('failed')\nreturn 0",
        returns(0, log=r"(?s)\[ERROR\]\t.*\tfailed\nTraceback.*ZeroDivisionError: division by zero"),
    ),
    Case(
        "one handler on the root logger",
        "import logging\nreturn len(logging.getLogger().handlers)",
        returns(1),
    ),
    Case("context log", "context.log('direct\\n')\nreturn 0", returns(0, log="direct")),
    Case(
        "a thousand lines", "for n in range(1000):\n    print(n)\nreturn 0", returns(0, log=r"\n998\n999\n")
    ),
    Case(
        "START and REPORT",
        "return 0",
        returns(
            0,
            log=r"(?s)START RequestId: ([0-9a-f-]{36}) Version: \$LATEST\n.*END RequestId: \1\nREPORT RequestId: \1\t",
        ),
    ),
]

CLIENT = {
    "custom": {"a": "b"},
    "env": {"locale": "de"},
    "client": {"app_title": "shop", "installation_id": "7"},
}
CONTEXT = [
    Case("function name", "return context.function_name.startswith('cases')", returns(True)),
    Case("version", "return context.function_version", returns("$LATEST")),
    Case(
        "arn",
        "return context.invoked_function_arn.startswith('arn:aws:lambda:us-east-1:000000000000:function:cases')",
        returns(True),
    ),
    Case("memory is text", "return context.memory_limit_in_mb", returns("256")),
    Case("log group", "return context.log_group_name.startswith('/aws/lambda/cases')", returns(True)),
    Case(
        "log stream",
        "import re\nreturn bool(re.fullmatch(r'\\d{4}/\\d\\d/\\d\\d/\\[\\$LATEST\\][0-9a-f]{32}', context.log_stream_name))",
        returns(True),
    ),
    Case(
        "request id",
        "import uuid\nreturn str(uuid.UUID(context.aws_request_id)) == context.aws_request_id",
        returns(True),
    ),
    Case(
        "remaining time",
        "left = context.get_remaining_time_in_millis()\nreturn 1000 < left <= 10000 and type(left) is int",
        returns(True),
    ),
    Case(
        "identity without Cognito",
        "return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]",
        returns([None, None]),
    ),
    Case(
        "client context's custom",
        "return context.client_context.custom['a']",
        returns("b"),
        client_context=CLIENT,
    ),
    Case(
        "client context's env",
        "return context.client_context.env",
        returns({"locale": "de"}),
        client_context=CLIENT,
    ),
    Case(
        "client context's client",
        "c = context.client_context.client\nreturn [c.app_title, c.installation_id, c.app_package_name]",
        returns(["shop", "7", None]),
        client_context=CLIENT,
    ),
    Case("client that was not sent", "return context.client_context.client", returns(None)),
    Case("no tenant", "return context.tenant_id", returns(None)),
    Case(
        "trace context",
        "return context.w3c()",
        returns({"traceparent": "00-1"}),
        client_context={"w3c": {"traceparent": "00-1", "other": "x"}},
    ),
    Case(
        "trace context is taken out",
        "return hasattr(context.client_context, 'w3c')",
        returns(False),
        client_context={"w3c": {"traceparent": "00-1"}},
    ),
    Case("trace header", "import os\nreturn os.environ['_X_AMZN_TRACE_ID'][:5]", returns("Root=")),
    Case("closes what it does not know", "import os\nos.closerange(3, 1024)\nreturn 1", returns(1)),
    Case(
        "trace header in a program",
        "import subprocess\nreturn subprocess.run(['sh', '-c', 'echo $_X_AMZN_TRACE_ID'], capture_output=True, text=True).stdout[:5]",
        returns("Root="),
    ),
    Case("shown context", "return repr(context)[:30]", returns("LambdaContext([aws_request_id=")),
    Case(
        "shown client",
        "return repr(context.client_context.client)",
        returns(
            "Client([installation_id=7,app_title=shop,app_version_name=None,app_version_code=None,app_package_name=None])"
        ),
        client_context=CLIENT,
    ),
]

ALL = [*ENDS, *WORK, *LOGS, *CONTEXT]
