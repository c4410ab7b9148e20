// The Runtime API client for .NET: what loads and runs the handler of a class library inside an environment.
//
// One file of the framework's own classes, in C# 8, for .NET Core 3.1 or newer. Amazon.Lambda.Core comes with the function; this
// file meets it by reflection. It is started as AWS starts its own client, with the function's deps.json and runtimeconfig.json:
// so what the function brings, native libraries too, is found by the framework itself.
//
// Source: AWS Lambda Developer Guide, "Building Lambda functions with C#"; how AWS's own client behaves, as far as its published
// source tells (github.com/aws/aws-lambda-dotnet), read 2026-11. What no page says is marked UNCONFIRMED.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

namespace LambdaSandbox
{
    static class LambdaClient
    {
        static int Main(string[] arguments)
        {
            Log.Start();
            var wire = new Wire(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            Handler handler;
            try
            {
                CoreLibrary.ShareLogger();
                handler = Handler.Load(arguments[0]);
            }
            catch (Exception fault)
            {
                // DIFFERS: the exception that ends a .NET function's init is logged once; AWS's client then crashes, which logs it again.
                Faults.Write(null, fault);
                wire.Post("/init/error", Faults.Payload(fault), fault.GetType().Name);
                wire.Read();
                return 1;
            }
            if (Environment.GetEnvironmentVariable("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" && !Snapshot.Pass(wire))
            {
                return 0;
            }
            wire.RequestNext();
            while (true)
            {
                Answer(wire, handler, wire.Read());
            }
        }

        static void Answer(Wire wire, Handler handler, Message invocation)
        {
            Log.RequestId = invocation.Header("Lambda-Runtime-Aws-Request-Id");
            CoreLibrary.SetTraceId(invocation.Header("Lambda-Runtime-Trace-Id"));
            string path = "/invocation/" + Log.RequestId;
            try
            {
                wire.Post(path + "/response", handler.Call(invocation), null);
            }
            catch (Exception fault)
            {
                Faults.Write(null, fault);
                wire.Post(path + "/error", Faults.Payload(fault), fault.GetType().Name);
            }
            wire.RequestNext(); // before the answer to the other request is read: one wait less
            wire.Read();
        }
    }

    /// <summary>What the client itself finds wrong; AWS's client reports it by this name.</summary>
    sealed class LambdaValidationException : Exception
    {
        internal LambdaValidationException(string message) : base(message) { }
    }

    sealed class Message
    {
        internal readonly byte[] Body;
        readonly Dictionary<string, string> headers;

        internal Message(Dictionary<string, string> headers, byte[] body)
        {
            this.headers = headers;
            Body = body;
        }

        /// <summary>Returns null for a header that is not there.</summary>
        internal string Header(string name) => headers.TryGetValue(name, out string value) ? value : null;
    }

    /// <summary>One keep-alive connection; ends the process quietly when the sandbox hangs up. A first request by a socket took a sixth of HttpClient's time.</summary>
    sealed class Wire
    {
        const string Api = "/2018-06-01/runtime";
        readonly string host;
        readonly Socket socket;
        readonly byte[] buffer = new byte[65536];
        int start, end;

        internal Wire(string address)
        {
            host = address;
            int colon = address.LastIndexOf(':');
            int port = int.Parse(address.Substring(colon + 1), CultureInfo.InvariantCulture);
            if (IPAddress.TryParse(address.Substring(0, colon), out IPAddress known))
            {
                socket = new Socket(known.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                socket.Connect(known, port);
            }
            else
            {
                socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                socket.Connect(address.Substring(0, colon), port);
            }
            socket.NoDelay = true;
        }

        internal void RequestNext() => Get("/invocation/next");

        internal void Get(string path) => Send(Encoding.ASCII.GetBytes($"GET {Api}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));

        /// <summary>errorType is null for what is no error.</summary>
        internal void Post(string path, ArraySegment<byte> body, string errorType)
        {
            string error = errorType == null ? "" : $"Lambda-Runtime-Function-Error-Type: {errorType}\r\n";
            byte[] head = Encoding.ASCII.GetBytes($"POST {Api}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{error}Content-Length: {body.Count}\r\n\r\n");
            var message = new byte[head.Length + body.Count];
            head.CopyTo(message, 0);
            Buffer.BlockCopy(body.Array, body.Offset, message, head.Length, body.Count);
            Send(message);
        }

        internal Message Read()
        {
            Line(); // the status: whatever it is, the next event comes behind it
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            for (string line = Line(); line.Length > 0; line = Line())
            {
                int colon = line.IndexOf(':');
                headers[line.Substring(0, colon)] = line.Substring(colon + 1).Trim();
            }
            headers.TryGetValue("Content-Length", out string length);
            var body = new byte[int.Parse(length ?? "0", CultureInfo.InvariantCulture)];
            int there = Math.Min(body.Length, end - start);
            Buffer.BlockCopy(buffer, start, body, 0, there);
            start += there;
            while (there < body.Length)
            {
                there += Receive(body, there, body.Length - there);
            }
            return new Message(headers, body);
        }

        string Line()
        {
            var text = new MemoryStream();
            while (true)
            {
                if (start == end)
                {
                    start = 0;
                    end = Receive(buffer, 0, buffer.Length);
                }
                int stop = Array.IndexOf(buffer, (byte)'\n', start, end - start);
                text.Write(buffer, start, (stop < 0 ? end : stop) - start);
                start = stop < 0 ? end : stop + 1;
                if (stop >= 0)
                {
                    return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length).TrimEnd('\r');
                }
            }
        }

        int Receive(byte[] target, int offset, int count)
        {
            int received = 0;
            try
            {
                received = socket.Receive(target, offset, count, SocketFlags.None);
            }
            catch (SocketException)
            {
                // as if it had been closed
            }
            if (received == 0)
            {
                Environment.Exit(0);
            }
            return received;
        }

        void Send(byte[] message)
        {
            try
            {
                for (int sent = 0; sent < message.Length;)
                {
                    sent += socket.Send(message, sent, message.Length - sent, SocketFlags.None);
                }
            }
            catch (SocketException)
            {
                Environment.Exit(0);
            }
        }
    }

    /// <summary>A function's handler in any of the documented forms.</summary>
    sealed class Handler
    {
        const BindingFlags Own = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        const string Attribute = "Amazon.Lambda.Core.LambdaSerializerAttribute";
        const string Interface = "Amazon.Lambda.Core.ILambdaSerializer";
        const string ContextType = "Amazon.Lambda.Core.ILambdaContext";
        object instance, serializer;
        MethodInfo method, deserialize, serialize;
        PropertyInfo taskResult;
        Type inputType, contextType, outputType; // null: there is none

        Handler() { }

        static LambdaValidationException Fault(string format, params object[] values) => new LambdaValidationException(string.Format(CultureInfo.InvariantCulture, format, values));

        /// <summary>Assembly::Namespace.Type::Method. AWS's client also finds a method by its whole signature, but a function's handler has no blanks.</summary>
        internal static Handler Load(string text)
        {
            string[] parts = Parts(text);
            var assemblyName = new AssemblyName(parts[0]);
            Assembly assembly = LoadAssembly(assemblyName);
            Type type = assembly.GetType(parts[1]) ?? throw Fault("Unable to load type '{0}' from assembly '{1}'.", parts[1], assemblyName);
            MethodInfo method = Named(type, parts[2])
                ?? throw Fault("Unable to find method '{0}' in type '{1}' from assembly '{2}': Found no methods matching method name '{0}'.", parts[2], parts[1], assemblyName);
            Check(method);
            var handler = new Handler { method = method, instance = Instance(type, method) };
            handler.serializer = Serializer(method, assembly);
            handler.Bind(assemblyName, parts[1], parts[2]);
            return handler;
        }

        static string[] Parts(string text)
        {
            const string format = " The valid format is 'ASSEMBLY::TYPE::METHOD'.";
            string[] parts = text.Split(new[] { "::" }, 3, StringSplitOptions.None).Select(part => part.Trim()).ToArray();
            if (parts.Length != 3)
            {
                throw Fault("Invalid lambda function handler: '{0}'." + format, text);
            }
            int missing = Array.IndexOf(parts, "");
            if (missing >= 0)
            {
                throw Fault("Invalid lambda function handler: '{0}', the {1} is missing." + format, text, new[] { "assembly", "type", "method" }[missing]);
            }
            return parts;
        }

        static Assembly LoadAssembly(AssemblyName name)
        {
            try
            {
                return AssemblyLoadContext.Default.LoadFromAssemblyName(name);
            }
            catch (FileNotFoundException error)
            {
                throw Fault("Could not find the specified handler assembly with the file name '{0}'. The assembly should be located in the root of your uploaded .zip file.", error.FileName);
            }
            catch (Exception error)
            {
                Faults.Write(null, error);
                throw Fault("Unable to load assembly '{0}'.", name);
            }
        }

        /// <summary>The method of this name that the class or the nearest of those that it extends declares.</summary>
        static MethodInfo Named(Type type, string name)
        {
            for (Type each = type; each != null; each = each.BaseType)
            {
                MethodInfo[] found = each.GetMethods(Own).Where(method => method.Name == name).ToArray();
                if (found.Length > 1)
                {
                    string candidates = string.Join("\n", found.Select(method => method.ToString()));
                    throw Fault("The method '{0}' in type '{1}' appears to have a number of overloads. To call this method please specify a complete method signature. Possible candidates are:\n{2}.", name, each.FullName, candidates);
                }
                if (found.Length == 1)
                {
                    return found[0];
                }
            }
            return null;
        }

        static void Check(MethodInfo method)
        {
            const string not = "The method '{0}' cannot be used as a Lambda Handler because it is ";
            if (method.IsAbstract)
            {
                throw Fault(not + "an abstract method. Handler methods cannot be abstract. Please specify a non-abstract handler method.", method);
            }
            if (method.IsGenericMethod)
            {
                throw Fault(not + "a generic method. Handler methods cannot be generic. Please specify a non-generic handler method.", method);
            }
            if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute), false))
            {
                throw Fault(not + "an 'async void' method. Handler methods cannot be 'async void'. Please specify a method that is not 'async void'.", method);
            }
            if (method.GetParameters().LastOrDefault()?.IsDefined(typeof(ParamArrayAttribute), false) == true)
            {
                throw Fault(not + "a 'params' method. Please specify a method that does not use 'params'.", method);
            }
            if ((method.CallingConvention & CallingConventions.VarArgs) == CallingConventions.VarArgs)
            {
                throw Fault(not + "a 'vararg (variable arguments)' method. Please specify a method that is not 'vararg'.", method);
            }
        }

        static object Instance(Type type, MethodInfo method)
        {
            if (type.IsGenericType)
            {
                throw Fault("The type '{0}' cannot be used as a Lambda Handler type because it is generic. Handler methods cannot be located in generic types. Please specify a handler method in a non-generic type.", type.FullName);
            }
            if (!method.IsStatic && type.IsAbstract)
            {
                throw Fault("The instance method '{0}' cannot be used as a Lambda Handler because its type '{1}' is abstract. Please either use a static handler or specify a type that is not abstract.", method, type.FullName);
            }
            if (!type.IsClass && !(type.IsValueType && !type.IsPrimitive && !type.IsEnum))
            {
                throw Fault("The type '{0}' cannot be used as a handler type since it is not a class or a struct. Please specify a handler method on a class or struct.", type.FullName);
            }
            if (method.IsStatic)
            {
                RuntimeHelpers.RunClassConstructor(type.TypeHandle); // in the init phase, as AWS does
                return null;
            }
            return Activator.CreateInstance(type);
        }

        /// <summary>The serializer that the method, else the assembly asks for; null where neither does.</summary>
        static object Serializer(MethodInfo method, Assembly assembly)
        {
            Attribute attribute = method.GetCustomAttributes().SingleOrDefault(IsSerializer) ?? assembly.GetCustomAttributes().SingleOrDefault(IsSerializer);
            if (attribute == null)
            {
                return null;
            }
            PropertyInfo property = attribute.GetType().GetProperty("SerializerType")
                ?? throw Fault("The '{0}' class is invalid: no 'SerializerType' property detected.", Attribute);
            Type type = property.GetValue(attribute) as Type ?? throw Fault("The 'SerializerType' property on attribute class '{0}' is not set.", Attribute);
            ConstructorInfo constructor = type.GetConstructor(Type.EmptyTypes)
                ?? throw Fault("The indicated serializer '{0}' does not define a public zero-parameter constructor.", type.FullName);
            if (type.GetInterface(Interface) == null)
            {
                throw Fault("The '{0}' class is invalid: it does not implement the 'ILambdaSerializer' interface.", type.FullName);
            }
            return constructor.Invoke(null);
        }

        static bool IsSerializer(Attribute attribute) => attribute.GetType().FullName == Attribute;

        static bool IsContext(Type type) => type.FullName == ContextType || type.GetInterface(ContextType) != null;

        /// <summary>Finds out what goes in and what comes out, and what turns each into bytes.</summary>
        void Bind(AssemblyName assembly, string type, string name)
        {
            Type[] types = method.GetParameters().Select(each => each.ParameterType).ToArray();
            if (types.Length > 2)
            {
                throw Fault("Method '{0}' of type '{1}' is not supported: the method has more than 2 parameters.", method.Name, type);
            }
            if (types.Length == 2 && !IsContext(types[1]))
            {
                throw Fault("Method '{0}' of type '{1}' is not supported: the method has 2 parameters, but the second parameter is not of type '{2}'.", method.Name, type, ContextType);
            }
            contextType = types.LastOrDefault(IsContext);
            inputType = types.FirstOrDefault(each => types.Length == 2 || !IsContext(each));
            outputType = Output(method.ReturnType);
            const string missing = "Could not find the LambdaSerializerAttribute on the assembly '{0}' or method '{1}' while attempting to {2} data of type '{3}'. To use types other than System.IO.Stream as input/output parameters, the assembly or Lambda function should be annotated with {4}.";
            Type contract = serializer?.GetType().GetInterface(Interface);
            if (inputType != null && inputType != typeof(Stream))
            {
                deserialize = contract?.GetMethod("Deserialize").MakeGenericMethod(inputType) ?? throw Fault(missing, assembly, name, "deserialize input", inputType.FullName, Attribute);
            }
            if (outputType != null && !typeof(Stream).IsAssignableFrom(outputType))
            {
                serialize = contract?.GetMethod("Serialize").MakeGenericMethod(outputType) ?? throw Fault(missing, assembly, name, "serialize output", outputType.FullName, Attribute);
            }
        }

        Type Output(Type returned)
        {
            for (Type each = returned; each != null; each = each.BaseType)
            {
                if (each.IsConstructedGenericType && each.GetGenericTypeDefinition() == typeof(Task<>))
                {
                    taskResult = each.GetProperty("Result");
                    return each.GenericTypeArguments[0];
                }
            }
            return returned == typeof(void) || typeof(Task).IsAssignableFrom(returned) ? null : returned;
        }

        internal ArraySegment<byte> Call(Message invocation)
        {
            var values = new List<object>(2);
            if (inputType != null)
            {
                var body = new MemoryStream(invocation.Body);
                values.Add(deserialize == null ? body : Invoke(deserialize, serializer, body));
            }
            if (contextType != null)
            {
                values.Add(Context.Of(contextType, invocation, serializer));
            }
            object result = Invoke(method, instance, values.ToArray());
            if (typeof(Task).IsAssignableFrom(method.ReturnType))
            {
                ((Task)result).GetAwaiter().GetResult();
                result = taskResult?.GetValue(result);
            }
            var output = new MemoryStream();
            if (serialize != null)
            {
                Invoke(serialize, serializer, result, output);
            }
            else if (outputType != null)
            {
                ((Stream)result).CopyTo(output);
            }
            output.TryGetBuffer(out ArraySegment<byte> bytes);
            return bytes; // AWS: none at all from a handler that returns nothing
        }

        static object Invoke(MethodInfo method, object instance, params object[] values) => method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, values, null);
    }

    /// <summary>An object of an interface that is known only when the function is there: every call of it is answered here.</summary>
    public class Proxy : DispatchProxy
    {
        static readonly MethodInfo Maker = typeof(DispatchProxy).GetMethods().Single(method => method.Name == "Create" && method.IsGenericMethodDefinition);
        Func<MethodInfo, object[], object> answer;

        internal static object Of(Type type, Func<MethodInfo, object[], object> answer)
        {
            var made = (Proxy)Maker.MakeGenericMethod(type, typeof(Proxy)).Invoke(null, null);
            made.answer = answer;
            return made;
        }

        /// <summary>Answers properties by their names; one that a newer Amazon.Lambda.Core has is its type's default.</summary>
        internal static object Of(Type type, Func<string, object> answer) => Of(type, (method, _) => answer(method.Name.Replace("get_", "")) ?? Default(method.ReturnType));

        static object Default(Type type) => type.IsValueType && type != typeof(void) ? Activator.CreateInstance(type) : null;

        protected override object Invoke(MethodInfo method, object[] arguments) => answer(method, arguments);
    }

    /// <summary>The function's own ILambdaContext, answered from the event's headers.</summary>
    static class Context
    {
        internal static object Of(Type type, Message invocation, object serializer)
        {
            return Proxy.Of(type, name =>
            {
                switch (name)
                {
                    case "AwsRequestId": return invocation.Header("Lambda-Runtime-Aws-Request-Id");
                    case "InvokedFunctionArn": return invocation.Header("Lambda-Runtime-Invoked-Function-Arn");
                    case "TraceId": return invocation.Header("Lambda-Runtime-Trace-Id");
                    case "TenantId": return invocation.Header("Lambda-Runtime-Aws-Tenant-Id");
                    case "FunctionName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME");
                    case "FunctionVersion": return Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_VERSION");
                    case "LogGroupName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_GROUP_NAME");
                    case "LogStreamName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_STREAM_NAME");
                    case "MemoryLimitInMB": return int.Parse(Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), CultureInfo.InvariantCulture);
                    case "RemainingTime": return Remaining(invocation.Header("Lambda-Runtime-Deadline-Ms"));
                    case "Serializer": return serializer;
                    case "Logger": return Proxy.Of(Member(type, name), Log.Call);
                    case "Identity": return Identity(Member(type, name), Json(invocation.Header("Lambda-Runtime-Cognito-Identity")));
                    case "ClientContext": return Client(Member(type, name), Json(invocation.Header("Lambda-Runtime-Client-Context")));
                    default: return null;
                }
            });
        }

        static Type Member(Type type, string name) => type.GetProperty(name).PropertyType;

        static object Remaining(string deadlineMs)
        {
            long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            return TimeSpan.FromMilliseconds(long.Parse(deadlineMs, CultureInfo.InvariantCulture) - now);
        }

        static JsonElement Json(string header) => JsonDocument.Parse(string.IsNullOrWhiteSpace(header) ? "{}" : header).RootElement;

        /// <summary>AWS: there is always an object; what the caller did not send is null in it.</summary>
        static object Identity(Type type, JsonElement json) => Proxy.Of(type, name => Text(json, "cognito" + name));

        static object Client(Type type, JsonElement json)
        {
            return Proxy.Of(type, name =>
            {
                switch (name)
                {
                    case "Client": return Found(json, "client", out JsonElement client) ? Proxy.Of(Member(type, name), member => Text(client, member)) : null;
                    case "Custom": return Texts(json, "custom");
                    case "Environment": return Texts(json, "env");
                    default: return null;
                }
            });
        }

        static bool Found(JsonElement json, string name, out JsonElement value)
        {
            value = default;
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out value) && value.ValueKind == JsonValueKind.Object;
        }

        static IDictionary<string, string> Texts(JsonElement json, string name)
        {
            return Found(json, name, out JsonElement values) ? values.EnumerateObject().ToDictionary(each => each.Name, each => each.Value.ToString()) : null;
        }

        /// <summary>AppTitle finds app_title.</summary>
        static string Text(JsonElement json, string name)
        {
            foreach (JsonProperty each in json.ValueKind == JsonValueKind.Object ? json.EnumerateObject() : default)
            {
                if (string.Equals(each.Name.Replace("_", ""), name, StringComparison.OrdinalIgnoreCase))
                {
                    return each.Value.ToString();
                }
            }
            return null;
        }
    }

    /// <summary>What AWS's client sets inside Amazon.Lambda.Core. Members that the function's version has not are left alone.</summary>
    static class CoreLibrary
    {
        const BindingFlags Hidden = BindingFlags.Static | BindingFlags.NonPublic;
        static readonly Assembly Library = Find();
        static readonly Action<string> ToTraceProvider = (Action<string>)Type("LambdaTraceProvider")?.GetMethod("SetCurrentTraceId", Hidden)?.CreateDelegate(typeof(Action<string>));

        static Assembly Find()
        {
            try
            {
                return AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName("Amazon.Lambda.Core"));
            }
            catch (IOException)
            {
                return null; // a function with streams alone needs none
            }
        }

        internal static Type Type(string name) => Library?.GetType("Amazon.Lambda.Core." + name);

        internal static void ShareLogger()
        {
            // UNCONFIRMED: without a level, as AWS's client means it by its comments.
            Share("_loggingAction", (Action<string>)(message => Log.Write(null, null, message, null)));
            Share("_loggingWithLevelAction", (Action<string, string, object[]>)((level, message, values) => Log.Write(level, null, message, values)));
            Share("_loggingWithLevelAndExceptionAction", (Action<string, Exception, string, object[]>)Log.Write);
        }

        static void Share(string name, Delegate action)
        {
            FieldInfo field = Type("LambdaLogger")?.GetField(name, Hidden);
            if (field != null && field.FieldType.IsInstanceOfType(action))
            {
                field.SetValue(null, action);
            }
        }

        internal static void SetTraceId(string trace)
        {
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", trace);
            ToTraceProvider?.Invoke(trace);
        }
    }

    /// <summary>The hooks that a function registered with Amazon.Lambda.Core.SnapshotRestore.</summary>
    static class Snapshot
    {
        /// <summary>Runs the hooks before the snapshot in reverse order, waits to be restored, and runs the others. False when one failed.</summary>
        internal static bool Pass(Wire wire)
        {
            string path = "/init/error", type = "Runtime.BeforeSnapshotError", what = "before snapshot hooks";
            try
            {
                List<Func<ValueTask>> before = Hooks("CopyBeforeSnapshotCallbacksToRegistry"), after = Hooks("CopyAfterRestoreCallbacksToRegistry");
                before.Reverse();
                Run(before);
                wire.Get("/restore/next"); // answered when the snapshot is restored
                wire.Read();
                (path, type, what) = ("/restore/error", "Runtime.AfterRestoreError", "after restore callables");
                Run(after);
                return true;
            }
            catch (Exception fault)
            {
                Faults.Write($"Failed to invoke {what}", fault);
                wire.Post(path, Faults.Payload(fault), type);
                wire.Read();
                return false;
            }
        }

        static List<Func<ValueTask>> Hooks(string name)
        {
            var hooks = new List<Func<ValueTask>>();
            MethodInfo copy = CoreLibrary.Type("SnapshotRestore")?.GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic);
            copy?.Invoke(null, new object[] { (Action<Func<ValueTask>>)hooks.Add });
            return hooks;
        }

        static void Run(List<Func<ValueTask>> hooks)
        {
            foreach (Func<ValueTask> hook in hooks)
            {
                hook().AsTask().GetAwaiter().GetResult();
            }
        }
    }

    /// <summary>Exceptions in AWS's shape, with the function's frames only.</summary>
    static class Faults
    {
        const int Limit = 256 * 1024;
        static readonly string[] Plumbing =
        {
            "System.Reflection.", "System.RuntimeMethodHandle.", "System.RuntimeType.", "System.Activator.", "InvokeStub_", "System.Runtime.CompilerServices.TaskAwaiter", "System.Runtime.ExceptionServices.ExceptionDispatchInfo.",
        };

        /// <summary>The type without its namespace, the message, the frames, and the inner exceptions nested.</summary>
        internal static ArraySegment<byte> Payload(Exception fault)
        {
            var text = new StringBuilder();
            Append(text, fault, "");
            byte[] payload = Encoding.UTF8.GetBytes(text.ToString());
            return payload.Length <= Limit ? payload : Encoding.UTF8.GetBytes("{\"errorMessage\": \"Exception exceeded maximum payload size of 256KB.\"}");
        }

        static void Append(StringBuilder text, Exception fault, string indent)
        {
            Member(text.Append('{'), indent, "errorType", fault.GetType().Name);
            Member(text.Append(','), indent, "errorMessage", fault.Message.Trim());
            string[] frames = fault.StackTrace == null ? new string[0] : Own(new StackTrace(fault, true).ToString()).Select(line => line.Trim()).ToArray();
            if (frames.Length > 0)
            {
                text.Append(",\n").Append(indent).Append("  \"stackTrace\": [");
                for (int i = 0; i < frames.Length; i++)
                {
                    Log.Quote(text.Append(i == 0 ? "\n" : ",\n").Append(indent).Append("    "), frames[i]);
                }
                text.Append('\n').Append(indent).Append("  ]");
            }
            if (fault.InnerException != null)
            {
                Append(text.Append(",\n").Append(indent).Append("  \"cause\": "), fault.InnerException, indent + "  ");
            }
            if (fault is AggregateException many)
            {
                text.Append(",\n").Append(indent).Append("  \"causes\": [");
                for (int i = 0; i < many.InnerExceptions.Count; i++)
                {
                    Append(text.Append(i == 0 ? "\n" : ",\n").Append(indent).Append("    "), many.InnerExceptions[i], indent + "    ");
                }
                text.Append('\n').Append(indent).Append("  ]");
            }
            text.Append('\n').Append(indent).Append('}');
        }

        static void Member(StringBuilder text, string indent, string name, string value)
        {
            Log.Quote(text.Append('\n').Append(indent).Append("  \"").Append(name).Append("\": "), value);
        }

        /// <summary>The lines of a trace without this client's, and without what stands between them and the function's.</summary>
        static List<string> Own(string trace)
        {
            var lines = new List<string>();
            foreach (string line in trace.Split('\n').Where(line => line.Trim().Length > 0))
            {
                if (!Begins(line, "LambdaSandbox."))
                {
                    lines.Add(line.TrimEnd());
                    continue;
                }
                while (lines.Count > 0 && (Plumbing.Any(name => Begins(lines[lines.Count - 1], name)) || lines[lines.Count - 1].StartsWith("--- ", StringComparison.Ordinal)))
                {
                    lines.RemoveAt(lines.Count - 1);
                }
            }
            return lines;
        }

        static bool Begins(string line, string name) => line.TrimStart().StartsWith("at " + name, StringComparison.Ordinal);

        /// <summary>AWS: the exception's own text, as something that was written to the standard error output.</summary>
        internal static void Write(string title, Exception fault)
        {
            string text = string.Join("\n", Own(fault.ToString()));
            Log.Write("Error", null, title == null ? text : $"{title}: {text}", null);
        }
    }

    /// <summary>Lines of the log: with time, request and level in front, or one JSON object each, from the function's level on.</summary>
    static class Log
    {
        enum Level { Trace, Debug, Information, Warning, Error, Critical }

        enum Form { Default, Unformatted, Json }

        const string Moment = "yyyy-MM-ddTHH:mm:ss.fffZ";
        static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };
        static readonly Form Format = Enum.TryParse(Setting("FORMAT"), true, out Form form) ? form : Form.Default;
        static readonly Level Lowest = Parse(Setting("LEVEL")) ?? Level.Information;
        static readonly Stream Output = Console.OpenStandardOutput();
        internal static string RequestId = "";

        /// <summary>Console.WriteLine writes a line of the log: of the level Information, to the error output of the level Error.</summary>
        internal static void Start()
        {
            Console.SetOut(new Lines(Output, Level.Information));
            Console.SetError(new Lines(Console.OpenStandardError(), Level.Error));
        }

        static string Setting(string name)
        {
            string value = Environment.GetEnvironmentVariable("AWS_LAMBDA_HANDLER_LOG_" + name);
            return string.IsNullOrEmpty(value) ? Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_" + name) : value;
        }

        /// <summary>Knows .NET's names of levels and Lambda's; null for any other. UNCONFIRMED: AWS's client knows FATAL only of Lambda's.</summary>
        static Level? Parse(string name)
        {
            switch (name?.ToUpperInvariant())
            {
                case "INFO": return Level.Information;
                case "WARN": return Level.Warning;
                case "FATAL": return Level.Critical;
                default: return Enum.TryParse(name, true, out Level level) ? level : (Level?)null;
            }
        }

        /// <summary>A call of ILambdaLogger: [level,] [exception,] message [, values].</summary>
        internal static object Call(MethodInfo method, object[] arguments)
        {
            var rest = new Queue<object>(arguments);
            bool named = method.Name == "Log" && arguments.Length > 1;
            string level = named ? rest.Dequeue()?.ToString() : method.Name == "LogLine" ? "Information" : method.Name.Substring("Log".Length);
            var exception = rest.Peek() as Exception;
            if (exception != null || method.GetParameters()[arguments.Length - rest.Count].ParameterType == typeof(Exception))
            {
                rest.Dequeue();
            }
            string message = rest.Dequeue()?.ToString();
            if (level.Length == 0)
            {
                Console.Write(message); // AWS: the one form that is written as it is
            }
            else
            {
                Write(level, exception, message, rest.Count > 0 ? rest.Dequeue() as object[] : null);
            }
            return null;
        }

        internal static void Write(string level, Exception exception, string template, object[] values)
        {
            Level? known = Parse(level);
            if (known < Lowest)
            {
                return;
            }
            var message = new Template(template ?? "", values ?? new object[0]);
            byte[] line = Encoding.UTF8.GetBytes((Format == Form.Json ? Structured(known, exception, message) : Plain(level, known, exception, message)) + "\n");
            lock (Output)
            {
                Output.Write(line, 0, line.Length);
            }
        }

        static string Plain(string level, Level? known, Exception exception, Template message)
        {
            string text = message.ToString();
            if (Format == Form.Unformatted)
            {
                return text;
            }
            string label = known.HasValue ? Labels[(int)known] : level;
            string head = $"{Now()}\t{RequestId}\t" + (string.IsNullOrEmpty(label) ? "" : label + "\t");
            return exception == null ? head + text : head + (text.Length == 0 ? "" : text + "\n") + exception;
        }

        static string Structured(Level? known, Exception exception, Template message)
        {
            var line = new StringBuilder();
            Member(line, "{", "timestamp", Now());
            Member(line, ",", "level", (known ?? Level.Information).ToString());
            Member(line, ",", "requestId", RequestId);
            Member(line, ",", "traceId", Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"));
            Quote(line.Append(",\"message\":"), message.ToString());
            message.AppendMembers(line);
            if (exception != null)
            {
                Member(line, ",", "errorType", exception.GetType().FullName);
                Quote(line.Append(",\"errorMessage\":"), exception.Message);
                string separator = ",\"stackTrace\":[";
                foreach (string each in exception.ToString().Split('\n'))
                {
                    Quote(line.Append(separator), each.Trim());
                    separator = ",";
                }
                line.Append(']');
            }
            return line.Append('}').ToString();
        }

        static void Member(StringBuilder line, string separator, string name, string value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                Quote(line.Append(separator).Append('"').Append(name).Append("\":"), value);
            }
        }

        static string Now() => DateTime.UtcNow.ToString(Moment, CultureInfo.InvariantCulture);

        internal static void Quote(StringBuilder out_, string text)
        {
            out_.Append('"');
            foreach (char next in text)
            {
                int place = "\"\\\b\f\n\r\t".IndexOf(next);
                if (place >= 0)
                {
                    out_.Append('\\').Append("\"\\bfnrt"[place]);
                }
                else if (next < ' ' || next == '\u0085' || next == '\u2028' || next == '\u2029')
                {
                    out_.Append("\\u").Append(((int)next).ToString("x4", CultureInfo.InvariantCulture));
                }
                else
                {
                    out_.Append(next);
                }
            }
            out_.Append('"');
        }

        /// <summary>A message with {names} or {0} for its values; {name:format} and {@name}, the value as JSON.</summary>
        sealed class Template
        {
            readonly List<string> texts = new List<string>(); // one more than there are places
            readonly List<string> places = new List<string>();
            readonly object[] values;

            internal Template(string text, object[] values)
            {
                this.values = values;
                int from = 0;
                for (int open = text.IndexOf('{'); values.Length > 0 && open >= 0; open = text.IndexOf('{', open))
                {
                    int close = text.IndexOf('}', open);
                    if (open + 1 < text.Length && text[open + 1] == '{')
                    {
                        open += 2; // AWS: braces that are doubled stay so
                    }
                    else if (close <= open + 1)
                    {
                        open++;
                    }
                    else
                    {
                        texts.Add(text.Substring(from, open - from));
                        places.Add(text.Substring(open + 1, close - open - 1));
                        open = from = close + 1;
                    }
                }
                texts.Add(text.Substring(from));
            }

            static string Name(string place) => place.TrimStart('@').Split(':')[0].Trim();

            static string Pattern(string place) => place.Contains(':') ? place.Substring(place.IndexOf(':') + 1).Trim() : "";

            /// <summary>The numbers of the values for the places in their order: counted, or as the places say if they are 0, 1, ...</summary>
            int[] Order()
            {
                int[] counted = Enumerable.Range(0, places.Count).ToArray();
                int[] said = places.Select(place => int.TryParse(Name(place), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1).ToArray();
                int[] different = said.Distinct().OrderBy(number => number).ToArray();
                return different.SequenceEqual(Enumerable.Range(0, different.Length)) ? said : counted;
            }

            public override string ToString()
            {
                var text = new StringBuilder(texts[0]);
                int[] order = Order();
                for (int i = 0; i < places.Count; i++)
                {
                    text.Append(order[i] < values.Length ? Shown(values[order[i]], places[i]) : "{" + places[i] + "}").Append(texts[i + 1]);
                }
                return text.ToString();
            }

            internal void AppendMembers(StringBuilder line)
            {
                int[] order = Order();
                for (int i = 0; i < places.Count; i++)
                {
                    if (order[i] < values.Length && values[order[i]] != null)
                    {
                        Quote(line.Append(','), Name(places[i]));
                        Append(line.Append(':'), values[order[i]], places[i]);
                    }
                }
            }

            static string Shown(object value, string place)
            {
                bool nested = value is IList && !(value is byte[]) || value is IDictionary;
                return value == null || nested ? "{" + place + "}" : Text(value, Pattern(place));
            }

            static string Text(object value, string pattern)
            {
                if (value is byte[] bytes)
                {
                    string hex = string.Concat(bytes.Take(16).Select(each => each.ToString("X2", CultureInfo.InvariantCulture)));
                    return bytes.Length <= 16 ? hex : $"{hex}... ({bytes.Length} bytes)";
                }
                if (value is IFormattable formattable && (pattern.Length > 0 || value is DateTime || value is DateTimeOffset))
                {
                    try
                    {
                        return formattable.ToString(pattern.Length > 0 ? pattern : Moment, CultureInfo.InvariantCulture);
                    }
                    catch (FormatException)
                    {
                        // AWS: as if there were no format
                    }
                }
                return Convert.ToString(value, CultureInfo.InvariantCulture);
            }

            static void Append(StringBuilder line, object value, string place)
            {
                string separator = "";
                if (value == null)
                {
                    line.Append("null");
                }
                else if (place.StartsWith("@", StringComparison.Ordinal))
                {
                    line.Append(JsonSerializer.Serialize(value, value.GetType()));
                }
                else if (value is IDictionary members)
                {
                    line.Append('{');
                    foreach (DictionaryEntry each in members)
                    {
                        Quote(line.Append(separator), Convert.ToString(each.Key, CultureInfo.InvariantCulture));
                        Append(line.Append(':'), each.Value, place);
                        separator = ",";
                    }
                    line.Append('}');
                }
                else if (value is IList list && !(value is byte[]))
                {
                    line.Append('[');
                    foreach (object each in list)
                    {
                        Append(line.Append(separator), each, place);
                        separator = ",";
                    }
                    line.Append(']');
                }
                else if (Pattern(place).Length == 0 && (value is bool || IsNumber(value)))
                {
                    line.Append(Text(value, "").ToLowerInvariant());
                }
                else
                {
                    Quote(line, Text(value, Pattern(place)));
                }
            }

            static bool IsNumber(object value)
            {
                TypeCode code = value is Enum ? TypeCode.Object : Type.GetTypeCode(value.GetType());
                return code >= TypeCode.SByte && code <= TypeCode.Decimal && !(value is double real && !double.IsFinite(real)) && !(value is float single && !float.IsFinite(single));
            }
        }

        /// <summary>Standard output or the error output: lines are lines of the log, the rest is written as it is.</summary>
        sealed class Lines : TextWriter
        {
            readonly Stream stream;
            readonly string level;

            internal Lines(Stream stream, Level level) : base(CultureInfo.InvariantCulture)
            {
                this.stream = stream;
                this.level = level.ToString();
                CoreNewLine = new[] { '\n' };
            }

            public override Encoding Encoding => Encoding.UTF8;

            public override void Write(string value)
            {
                byte[] bytes = Encoding.GetBytes(value ?? "");
                lock (Output)
                {
                    stream.Write(bytes, 0, bytes.Length);
                }
            }

            void Line(string text) => Log.Write(level, null, text, null);

            public override void Write(char value) => Write(value.ToString());

            public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

            public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

            public override void WriteLine() => Line("");

            public override void WriteLine(string value) => Line(value);

            public override void WriteLine(object value) => Line(value?.ToString());

            public override void WriteLine(bool value) => Line(value.ToString());

            public override void WriteLine(char value) => Line(value.ToString());

            public override void WriteLine(char[] buffer) => Line(new string(buffer));

            public override void WriteLine(char[] buffer, int index, int count) => Line(new string(buffer, index, count));

            public override void WriteLine(ReadOnlySpan<char> buffer) => Line(buffer.ToString());

            public override void WriteLine(StringBuilder value) => Line(value?.ToString());

            public override void WriteLine(int value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(uint value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(long value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(ulong value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(float value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(double value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(decimal value) => Line(value.ToString(FormatProvider));

            public override void WriteLine(string format, object value) => Line(string.Format(FormatProvider, format, value));

            public override void WriteLine(string format, object first, object second) => Line(string.Format(FormatProvider, format, first, second));

            public override void WriteLine(string format, object first, object second, object third) => Line(string.Format(FormatProvider, format, first, second, third));

            public override void WriteLine(string format, params object[] values) => Line(string.Format(FormatProvider, format, values));
        }
    }
}
