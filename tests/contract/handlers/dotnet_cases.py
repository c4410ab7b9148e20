"""Cases of the .NET runtimes. The handlers are in ``dotnet/Cases.cs`` and ``dotnet/Bare.cs``."""

from __future__ import annotations

from typing import Any

from tests.contract.handlers.case import Case, Expected, exits, fails, returns, writes

ORDER = {
    "Id": "ä",
    "Count": 2,
    "Price": 1.5,
    "Lines": [{"Name": "ü", "Amount": 5_000_000_000, "Sizes": {"s": 1}}],
}
CONTEXT = {
    "id": 36,
    "name": True,
    "version": "$LATEST",
    "arn": True,
    "group": True,
    "stream": True,
    "memory": 1769,
    "time": True,
    "trace": True,
    "same": True,
    "tenant": True,
    "serializer": "DefaultLambdaJsonSerializer",
    "identity": True,
    "tomorrow": 0,
}
CLIENT = {
    "client": {"app_title": "shop", "installation_id": "i"},
    "custom": {"a": "ü"},
    "env": {"locale": "de"},
}
BYTES = 1769 * 1024 * 1024
_INVALID = "LambdaValidationException"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_LINE = rf"\n{_TIME}\t[0-9a-f-]{{36}}\t"
_JSON = rf'\n\{{"timestamp":"{_TIME}","level":"%s","requestId":"[0-9a-f-]{{36}}","traceId":"Root=[^"]+","message":"'
_MISSING = r"Could not find the LambdaSerializerAttribute on the assembly 'Bare' or method '%s' while attempting to %s data of type '%s'\. To use types other than System\.IO\.Stream as input/output parameters, the assembly or Lambda function should be annotated with Amazon\.Lambda\.Core\.LambdaSerializerAttribute\."
_TRACE = r"^at Cases\.Faults\.%s\(.*\) in /src/Cases\.cs:line \d+$"


def _case(name: str, handler: str, expected: Expected, event: Any = None, **members: Any) -> Case:
    options = {"Handler": f"Cases::Cases.{handler}", "Timeout": 30} | members.pop("options", {})
    return Case(name, "", expected, event, options, **members)


def _bare(name: str, method: str, expected: Expected, event: Any = None) -> Case:
    return Case(name, "", expected, event, {"Handler": f"Bare::Bare.Streams::{method}", "Timeout": 30})


def _invalid(name: str, handler: str, message: str) -> Case:
    return Case(name, "", fails(_INVALID, message), None, {"Handler": handler, "Timeout": 30})


def _json(level: str = "") -> dict[str, Any]:
    more = {"ApplicationLogLevel": level} if level else {}
    return {"LoggingConfig": {"LogFormat": "JSON", **more}}


CASES = [
    _case("classes in and out", "Values::Typed", returns({**ORDER, "Count": 3, "Price": 3.0}), ORDER),
    _case("names without case", "Values::Typed", returns({"Id": "a", "Count": 2}), {"id": "a", "count": 1}),
    _case("static method", "Values::Upper", returns("X"), "x"),
    _case("list of whole numbers", "Values::Sum", returns(6), [1, 2, 3]),
    _case("no parameter", "Values::NoInput", returns("no input")),
    _case("the context alone", "Values::ContextOnly", returns("dotnet"), "ignored"),
    _case("nothing returned", "Values::Nothing", writes("", log=rf"{_LINE}info\tdid nothing with 5\n"), 5),
    _case("null returned", "Values::Null", writes("null"), "x"),
    _case("a task of a value", "Values::Later", returns({"Id": "a!", "Count": 0}), {"Id": "a"}),
    _case("a task of nothing", "Values::LaterNothing", writes("", log=r"info\tlater x\n"), "x"),
    _case("statics and instance live on", "Values::Counts", returns([1, 1])),
    _case("dictionaries", "Values::Mixed", returns({"got": ["a", "ß"], "ü": 1.5, "none": None}), {"a": 1, "ß": [None]}),
    _case("internal method", "Values::Inside", returns("internal ü 😀\u0000"), "ü 😀\u0000"),
    _case("big answer", "Values::Big", returns("ä" * 1_500_000), 1_500_000),
    _case("big event", "Values::Length", returns(2_000_000), "ü" * 2_000_000),
    _case("threads", "Values::Threads", returns(sum(range(50)) + 5 + sum(range(10))), 50),
    _case("another assembly of the package", "Values::Helped", returns("Grüße, Ada"), "Ada"),
    _case("native library of the package", "Values::Native", returns(True)),
    _case("surroundings", "Values::Surroundings", returns(["AWS_Lambda_dotnet8", "/var/task", BYTES, 0]), "AWS_EXECUTION_ENV"),
    _case("files in /tmp", "Values::Write", returns("grün"), "grün"),
    _case("HTTP to the endpoint", "Values::Ask", returns(200), "/2015-03-31/functions/"),
    _case("generic base class", "Inherited::Handle", returns(ORDER["Lines"][0]), ORDER["Lines"]),  # type: ignore[index]
    _case("static method of the base class", "Inherited::Static", returns("static x"), "x"),
    _case("structure", "Structure::Handle", returns("structure x"), "x"),
    _case("all of the context", "Contexts::All", returns(CONTEXT), "x"),
    _case("client context", "Contexts::Client", returns([{"a": "ü"}, {"locale": "de"}, "shop", "i", None]), "x", client_context=CLIENT),
    _case("no client context", "Contexts::Client", returns([None] * 5), "x"),
    _bare("stream in and out", "Echo", writes('{"a": [1]}'), {"a": [1]}),
    _bare("a task of a stream", "Later", writes('[5,"True"]'), 5),
    _bare("another kind of stream", "Derived", writes("no JSON")),
    _bare("stream in, nothing out", "Swallow", writes(""), 1),
    _bare("serializer of the method", "OnMethod", returns("X"), "x"),
    _bare("no stream returned", "Null", fails("NullReferenceException"), 1),
    _bare("no serializer for the input", "Input", fails(_INVALID, _MISSING % ("Input", "deserialize input", r"System\.String"))),
    _bare("no serializer for the output", "Output", fails(_INVALID, _MISSING % ("Output", "serialize output", r"System\.Int32"))),
    _case("lines of the log", "Logs::All", writes("", log=rf"{_LINE}info\tto the output: é{_LINE}fail\tto the error output\nno end{_LINE}info\tby the logger{_LINE}warn\tsay \"hi\"{_LINE}crit\tthe end{_LINE}fail\tas an enum\nas it is{_LINE}info\ta line{_LINE}of no level{_LINE}warn\tfrom anywhere\n", not_in_log="too fine"), "x"),
    _case("lines of the log in JSON", "Logs::All", writes("", log=rf'{_JSON % "Information"}to the output: é"\}}{_JSON % "Error"}to the error output"\}}\nno end{_JSON % "Information"}by the logger"\}}{_JSON % "Warning"}say \\"hi\\""\}}', not_in_log="too fine"), "x", options=_json()),
    _case("a level for the log", "Logs::All", writes("", log=rf'\nno end{_JSON % "Warning"}say', not_in_log="by the logger"), "x", options=_json("WARN")),
    _case("a finer level", "Logs::All", writes("", log=rf'{_JSON % "Debug"}too fine"\}}'), "x", options=_json("DEBUG")),
    _case("log without what stands in front", "Logs::All", writes("", log=r"\nto the output: é\nto the error output\nno end\nby the logger\n"), "x", options={"Environment": {"Variables": {"AWS_LAMBDA_HANDLER_LOG_FORMAT": "Unformatted"}}}),
    _case("values in messages", "Logs::Templates", writes("", log=rf"info\tbought 2 of jam, \{{missing\}}{_LINE}info\tone before zero \{{\{{2\}}\}}{_LINE}info\t1\.50 \{{list\}} Cases\.Line 01FF \{{none\}}{_LINE}fail\tfailed 3 times\nSystem\.InvalidOperationException: bad\n"), "x"),
    _case("values in messages in JSON", "Logs::Templates", writes("", log=rf'{_JSON % "Information"}bought 2 of jam, \{{missing\}}","count":2,"product":"jam"\}}.*"part":"1\.50","list":\[1,2\],"line":\{{"Name":"n","Amount":0,"Sizes":null\}},"bytes":"01FF"\}}{_JSON % "Error"}failed 3 times","times":3,"errorType":"System\.InvalidOperationException","errorMessage":"bad","stackTrace":\["System\.InvalidOperationException: bad"\]\}}'.replace(".*", r"(?:.|\n)*")), "x", options=_json()),
    _case("exception with a cause", "Faults::Fails", fails("InvalidOperationException", "bad", trace=(_TRACE % "Fails",), log=rf"{_LINE}fail\tSystem\.InvalidOperationException: bad\n ---> System\.ArgumentException: the cause: x\n", not_in_log="LambdaSandbox"), "x"),
    _case("exception of a task", "Faults::FailsLater", fails("KeyNotFoundException", 'later \u2028"', trace=(_TRACE % "FailsLater",), not_in_log="TaskAwaiter"), "x"),
    _case("event of another kind", "Values::Sum", fails("JsonSerializerException", r"Error converting the Lambda event JSON payload to type System\.Collections\.Generic\.List.*"), "text"),
    _case("exit", "Faults::Exits", exits("exit status 3"), 3),
    _case("fail fast", "Faults::FailsFast", exits("signal: aborted", log="no more"), "x"),
    _case("exception in a thread", "Faults::InThread", exits("signal: aborted", log=r"InvalidOperationException: in a thread"), "x"),
    _case("stack overflow", "Faults::Overflows", exits("signal: aborted", log="[Ss]tack overflow"), 0),
    _case("timeout", "Faults::Sleeps", fails("Sandbox.Timedout", ".*timed out after 3.00 seconds"), 60, options={"Timeout": 3}),
    _case("more than its memory", "Faults::Eats", fails("Runtime.ExitError", log="Runtime.OutOfMemory"), 2000, options={"MemorySize": 256}),
    _case("garbage is collected in time", "Faults::Litters", returns(1_000_000_000), 1000, options={"MemorySize": 256}),
    _case("the smallest memory", "Values::Typed", returns({**ORDER, "Count": 3, "Price": 3.0}), ORDER, options={"MemorySize": 128}),
    _case("written in the init", "Prints::Handle", returns("x", log=rf"\n{_TIME}\t\tinfo\tin the init\n"), "x"),
]  # fmt: skip

INIT_CASES = [
    _invalid("no method in the name", "Cases::Cases.Values", r"Invalid lambda function handler: 'Cases::Cases\.Values'\. The valid format is 'ASSEMBLY::TYPE::METHOD'\."),
    _invalid("an empty type", "Cases::::Upper", r"Invalid lambda function handler: 'Cases::::Upper', the type is missing\..*"),
    _invalid("no such type", "Cases::Cases.None::Handle", r"Unable to load type 'Cases\.None' from assembly 'Cases'\."),
    _invalid("no such method", "Cases::Cases.Values::None", r"Unable to find method 'None' in type 'Cases\.Values' from assembly 'Cases': Found no methods matching method name 'None'\."),
    _invalid("several of that name", "Cases::Cases.Values::Overloaded", r"The method 'Overloaded' in type 'Cases\.Values' appears to have a number of overloads\. .*\nSystem\.String Overloaded\(System\.String\)\nSystem\.String Overloaded\(Int32\)\."),
    _invalid("async void", "Cases::Cases.Faults::Void", r"The method 'Void Void\(System\.String\)' cannot be used as a Lambda Handler because it is an 'async void' method\..*"),
    _invalid("params", "Cases::Cases.Faults::Variable", ".* because it is a 'params' method.*"),
    _invalid("generic method", "Cases::Cases.Faults::Generic", ".* because it is a generic method.*"),
    _invalid("three parameters", "Cases::Cases.Faults::Three", r"Method 'Three' of type 'Cases\.Faults' is not supported: the method has more than 2 parameters\."),
    _invalid("second parameter of another kind", "Cases::Cases.Faults::Second", r".*the second parameter is not of type 'Amazon\.Lambda\.Core\.ILambdaContext'\."),
    _invalid("abstract method", "Cases::Cases.Abstract::None", ".* because it is an abstract method.*"),
    _invalid("abstract class", "Cases::Cases.Abstract::Handle", r".* because its type 'Cases\.Abstract' is abstract\. .*"),
    _invalid("generic class", "Cases::Cases.Generic`1::Handle", r"The type 'Cases\.Generic`1' cannot be used as a Lambda Handler type because it is generic\..*"),
    _invalid("interface", "Cases::Cases.IHandles::Handle", ".* because it is an abstract method.*"),
    _case("constructor that fails", "Constructor::Handle", fails("TargetInvocationException", r"Exception has been thrown by the target of an invocation\.", log=r"\tfail\tSystem\.Reflection\.TargetInvocationException(?:.|\n)*NotSupportedException: no construction"), "x"),
    _case("static constructor that fails", "Static::Handle", fails("TypeInitializationException", r"The type initializer for 'Cases\.Static' threw an exception\."), "x"),
    _case("constructor with a parameter", "WithParameter::Handle", fails("MissingMethodException"), "x"),
]  # fmt: skip
