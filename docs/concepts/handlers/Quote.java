package shop;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

public class Quote implements RequestHandler<Quote.Order, Map<String, Object>> {
    public record Order(String sku, int count) {}

    @Override
    public Map<String, Object> handleRequest(Order order, Context context) {
        if (context.getRemainingTimeInMillis() < 100) {
            throw new IllegalStateException("too late to begin");
        }
        return Map.of(
            "total_cents", 650 * order.count(),
            "id", context.getAwsRequestId());
    }
}
