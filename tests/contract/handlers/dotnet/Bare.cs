// A library without a serializer: streams, and what is refused without one.

using System.IO;
using System.Text;
using System.Threading.Tasks;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

namespace Bare
{
    public class Streams
    {
        public Stream Echo(Stream input) => input;

        public async Task<Stream> Later(Stream input, ILambdaContext context)
        {
            string text = await new StreamReader(input).ReadToEndAsync();
            await Task.Delay(1);
            return new MemoryStream(Encoding.UTF8.GetBytes($"[{text},\"{context.FunctionName.Length > 0}\"]"));
        }

        public static MemoryStream Derived() => new MemoryStream(Encoding.UTF8.GetBytes("no JSON"));

        public void Swallow(Stream input) => input.Close();

        public Stream Null(Stream input) => null;

        public Stream Input(string text) => null;

        public int Output(Stream input) => 1;

        [LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]
        public string OnMethod(string text) => text.ToUpperInvariant();
    }
}
