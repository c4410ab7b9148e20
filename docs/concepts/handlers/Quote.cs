using System;
using System.Collections.Generic;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace Shop
{
    public class Order
    {
        public string Sku { get; set; }
        public int Count { get; set; }
    }

    public class Quote
    {
        public Dictionary<string, object> Handle(Order order, ILambdaContext context)
        {
            if (context.RemainingTime < TimeSpan.FromMilliseconds(100))
            {
                throw new TimeoutException("too late to begin");
            }
            return new Dictionary<string, object>
            {
                ["total_cents"] = 650 * order.Count,
                ["id"] = context.AwsRequestId,
            };
        }
    }
}
