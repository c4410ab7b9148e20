// The default serializer of the package of this name, over the framework's own System.Text.Json.

using System;
using System.IO;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amazon.Lambda.Core;

namespace Amazon.Lambda.Serialization.SystemTextJson
{
    public class JsonSerializerException : Exception
    {
        public JsonSerializerException(string message, Exception exception) : base(message, exception) { }
    }

    public class DefaultLambdaJsonSerializer : ILambdaSerializer
    {
        private readonly JsonSerializerOptions options = new JsonSerializerOptions
        {
            PropertyNameCaseInsensitive = true, IgnoreNullValues = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };

        public T Deserialize<T>(Stream requestStream)
        {
            try
            {
                var bytes = new MemoryStream();
                requestStream.CopyTo(bytes);
                return JsonSerializer.Deserialize<T>(bytes.ToArray(), options);
            }
            catch (JsonException error)
            {
                throw new JsonSerializerException($"Error converting the Lambda event JSON payload to type {typeof(T).FullName}: {error.Message}", error);
            }
        }

        public void Serialize<T>(T response, Stream responseStream)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(response, options));
            responseStream.Write(bytes, 0, bytes.Length);
        }
    }
}
