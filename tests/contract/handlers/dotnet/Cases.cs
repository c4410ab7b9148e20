// The handlers of the cases, one class a topic.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace Cases
{
    public class Line
    {
        public string Name { get; set; }

        public long Amount { get; set; }

        public Dictionary<string, int> Sizes { get; set; }
    }

    public class Order
    {
        public string Id { get; set; }

        public int Count { get; set; }

        public double? Price { get; set; }

        public List<Line> Lines { get; set; }
    }

    public class Values
    {
        private static int calls;
        private int own;

        public Order Typed(Order order, ILambdaContext context)
        {
            order.Count++;
            order.Price *= 2;
            return order;
        }

        public static string Upper(string text) => text.ToUpperInvariant();

        public int Sum(List<int> numbers) => numbers.Sum();

        public string NoInput() => "no input";

        public string ContextOnly(ILambdaContext context) => context.FunctionName.Substring(0, 6);

        public void Nothing(int number) => Console.WriteLine($"did nothing with {number}");

        public object Null(string text) => null;

        public async Task<Order> Later(Order order)
        {
            await Task.Delay(20);
            order.Id += "!";
            return order;
        }

        public async Task LaterNothing(string text)
        {
            await Task.Yield();
            Console.WriteLine("later " + text);
        }

        public int[] Counts() => new[] { ++calls, ++own };

        public Dictionary<string, object> Mixed(Dictionary<string, object> input) => new Dictionary<string, object> { ["got"] = input.Keys.ToArray(), ["ü"] = 1.5, ["none"] = null };

        public string Overloaded(string text) => text;

        public string Overloaded(int number) => "number " + number.ToString(CultureInfo.InvariantCulture);

        internal string Inside(string text) => "internal " + text;

        public string Big(int size) => new string('ä', size);

        public int Length(string text) => text.Length;

        public int Threads(int count)
        {
            var results = new int[count];
            Thread[] threads = Enumerable.Range(0, count).Select(i => new Thread(() => results[i] = i)).ToArray();
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            return results.Sum() + Task.Run(() => 5).Result + Enumerable.Range(0, 10).AsParallel().Sum();
        }

        public string Helped(string name) => Helping.Helper.Greet(name);

        [DllImport("ours", EntryPoint = "SystemNative_GetPid")]
        private static extern int ProcessId();

        public bool Native() => ProcessId() > 0;

        public object[] Surroundings(string name) => new object[]
        {
            Environment.GetEnvironmentVariable(name), Directory.GetCurrentDirectory(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, Directory.GetFiles("/tmp").Length,
        };

        public string Write(string text)
        {
            File.WriteAllText("/tmp/text", text);
            return File.ReadAllText("/tmp/text");
        }

        public async Task<int> Ask(string path)
        {
            using (var client = new HttpClient())
            {
                HttpResponseMessage answer = await client.GetAsync(Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL") + path);
                return (int)answer.StatusCode;
            }
        }
    }

    public abstract class Base<TInput, TOutput>
    {
        public TOutput Handle(TInput input, ILambdaContext context) => Work(input);

        protected abstract TOutput Work(TInput input);

        public static string Static(string text) => "static " + text;
    }

    public class Inherited : Base<List<Line>, Line>
    {
        protected override Line Work(List<Line> input) => input[0];
    }

    public interface IHandles
    {
        string Handle(string text);
    }

    public struct Structure
    {
        public string Handle(string text) => "structure " + text;
    }

    public class Contexts
    {
        public Dictionary<string, object> All(string input, ILambdaContext context) => new Dictionary<string, object>
        {
            ["id"] = context.AwsRequestId.Length,
            ["name"] = context.FunctionName == Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME"),
            ["version"] = context.FunctionVersion,
            ["arn"] = context.InvokedFunctionArn.EndsWith(":function:" + context.FunctionName, StringComparison.Ordinal),
            ["group"] = context.LogGroupName == "/aws/lambda/" + context.FunctionName,
            ["stream"] = context.LogStreamName.Contains("[$LATEST]"),
            ["memory"] = context.MemoryLimitInMB,
            ["time"] = context.RemainingTime.TotalMilliseconds > 500 && context.RemainingTime.TotalSeconds <= 60,
            ["trace"] = context.TraceId.StartsWith("Root=1-", StringComparison.Ordinal),
            ["same"] = context.TraceId == Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID") && context.TraceId == LambdaTraceProvider.CurrentTraceId,
            ["tenant"] = context.TenantId == null,
            ["serializer"] = context.Serializer.GetType().Name,
            ["identity"] = context.Identity.IdentityId == null && context.Identity.IdentityPoolId == null,
            ["tomorrow"] = context.OfTomorrow,
        };

        public object[] Client(string input, ILambdaContext context)
        {
            IClientContext client = context.ClientContext;
            return new object[] { client.Custom, client.Environment, client.Client?.AppTitle, client.Client?.InstallationId, client.Client?.AppPackageName };
        }
    }

    public class Logs
    {
        public void All(string input, ILambdaContext context)
        {
            Console.WriteLine("to the output: é");
            Console.Error.WriteLine("to the error output");
            Console.Write("no end\n");
            context.Logger.LogInformation("by the logger");
            context.Logger.LogDebug("too fine");
            context.Logger.LogWarning("say \"hi\"");
            context.Logger.LogCritical("the end");
            context.Logger.Log(LogLevel.Error, "as an enum");
            context.Logger.Log("as it is\n");
            context.Logger.LogLine("a line");
            LambdaLogger.Log("of no level");
            LambdaLogger.Log("Warning", "from {where}", "anywhere");
        }

        public void Templates(string input, ILambdaContext context)
        {
            context.Logger.LogInformation("bought {count} of {product}, {missing}", 2, "jam");
            context.Logger.LogInformation("{1} before {0} {{2}}", "zero", "one");
            context.Logger.LogInformation("{part:0.00} {list} {@line} {bytes} {none}", 1.5, new[] { 1, 2 }, new Line { Name = "n" }, new byte[] { 1, 255 }, null);
            context.Logger.LogError(new InvalidOperationException("bad"), "failed {times} times", 3);
        }
    }

    public class Faults
    {
        public string Fails(string text)
        {
            try
            {
                throw new ArgumentException("the cause: " + text);
            }
            catch (ArgumentException cause)
            {
                throw new InvalidOperationException("bad", cause);
            }
        }

        public async Task<string> FailsLater(string text)
        {
            await Task.Delay(1);
            throw new KeyNotFoundException("later \u2028\"");
        }

        public string Many(string text) => throw new AggregateException("all", new ArgumentException("one"), new FormatException("two"));

        public string Exits(int status)
        {
            Environment.Exit(status);
            return "";
        }

        public string FailsFast(string text)
        {
            Environment.FailFast("no more");
            return "";
        }

        public string InThread(string text)
        {
            new Thread(() => throw new InvalidOperationException("in a thread")).Start();
            Thread.Sleep(10_000);
            return "";
        }

        public int Overflows(int depth) => Overflows(depth + 1) + 1;

        public string Sleeps(int seconds)
        {
            Thread.Sleep(seconds * 1000);
            return "awake";
        }

        public int Eats(int megabytes)
        {
            var kept = new List<byte[]>();
            for (int i = 0; i < megabytes; i++)
            {
                kept.Add(Enumerable.Repeat((byte)1, 1_000_000).ToArray());
            }
            return kept.Count;
        }

        public int Litters(int megabytes)
        {
            int length = 0;
            for (int i = 0; i < megabytes; i++)
            {
                length += Enumerable.Repeat((byte)1, 1_000_000).ToArray().Length;
            }
            return length;
        }

        public async void Void(string text) => await Task.Delay(1);

        public string Variable(params string[] texts) => "";

        public string Generic<T>(T value) => "";

        public string Three(string one, string two, string three) => "";

        public string Second(string one, string two) => "";
    }

    public abstract class Abstract
    {
        public string Handle(string text) => text;

        public abstract string None(string text);
    }

    public class Generic<T>
    {
        public string Handle(string text) => text;
    }

    public class Constructor
    {
        public Constructor() => throw new NotSupportedException("no construction");

        public string Handle(string text) => text;
    }

    public class WithParameter
    {
        public WithParameter(int number) { }

        public string Handle(string text) => text;
    }

    public class Static
    {
        static Static() => throw new NotSupportedException("no class");

        public static string Handle(string text) => text;
    }

    public class Prints
    {
        static Prints() => Console.WriteLine("in the init");

        public static string Handle(string text) => text;
    }

    public class Hooks
    {
        private readonly List<string> ran = new List<string>();

        public Hooks()
        {
            foreach (string name in new[] { "first", "second" })
            {
                SnapshotRestore.RegisterBeforeSnapshot(() => Run("before", name));
                SnapshotRestore.RegisterAfterRestore(() => Run("after", name));
            }
        }

        private async ValueTask Run(string when, string name)
        {
            await Task.Yield();
            ran.Add($"{when} {name}");
            if (Environment.GetEnvironmentVariable("FAILS") == when)
            {
                throw new InvalidOperationException(when + " failed");
            }
        }

        public List<string> Handle() => ran;
    }
}
