// An executable assembly: what Amazon.Lambda.RuntimeSupport's LambdaBootstrap is for, in a few lines of ours.

using System;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;

namespace Executable
{
    internal static class Program
    {
        private static async Task Main()
        {
            string api = $"http://{Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API")}/2018-06-01/runtime/invocation/";
            using (var client = new HttpClient())
            {
                while (true)
                {
                    HttpResponseMessage next = await client.GetAsync(api + "next");
                    string id = string.Concat(next.Headers.GetValues("Lambda-Runtime-Aws-Request-Id"));
                    string text = await next.Content.ReadAsStringAsync();
                    Console.WriteLine("program got " + text);
                    bool fails = text == "\"fail\"";
                    string answer = fails ? "{\"errorType\":\"Own\",\"errorMessage\":\"m\"}" : $"[{text},\"{Environment.GetEnvironmentVariable("_HANDLER")}\",{Helping.Helper.Greet("x").Length}]";
                    await client.PostAsync($"{api}{id}/{(fails ? "error" : "response")}", new StringContent(answer, Encoding.UTF8, "application/json"));
                }
            }
        }
    }
}
