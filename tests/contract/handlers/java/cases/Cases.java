// The handlers of the Java cases; each is named by the case that uses it.
package cases;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

public final class Cases {
    private static int calls;

    private Cases() {}

    public static class Order {
        private String id;
        private int count;
        private List<Line> lines;
        public double price;

        public String getId() {
            return id;
        }

        public void setId(String id) {
            this.id = id;
        }

        public int getCount() {
            return count;
        }

        public void setCount(int count) {
            this.count = count;
        }

        public List<Line> getLines() {
            return lines;
        }

        public void setLines(List<Line> lines) {
            this.lines = lines;
        }
    }

    public record Line(String name, long amount, Map<String, Integer> sizes, Colour colour) {}

    public enum Colour {
        RED,
        GREEN
    }

    public static class Typed implements RequestHandler<Order, Order> {
        @Override
        public Order handleRequest(Order order, Context context) {
            order.setCount(order.getCount() + 1);
            order.price *= 2;
            return order;
        }
    }

    public static class Untyped implements RequestHandler<Map<String, Object>, Object> {
        @Override
        public Object handleRequest(Map<String, Object> event, Context context) {
            return event.get("value");
        }
    }

    public static class Streams implements RequestStreamHandler {
        @Override
        public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
            output.write("[".getBytes());
            input.transferTo(output);
            output.write("]".getBytes());
        }
    }

    public static class Methods {
        public String upper(String text) {
            return text.toUpperCase();
        }

        public int sum(List<Integer> numbers) {
            return numbers.stream().mapToInt(Integer::intValue).sum();
        }

        public int length(int[] numbers) {
            return numbers.length;
        }

        public void nothing(Object event) {
            System.out.println("did nothing with " + event);
        }

        public String noInput() {
            return "no input";
        }

        public int counts(Object event) {
            return ++calls;
        }

        public Object fails(Object event) {
            throw new IllegalStateException("bad", new IOException("worse"));
        }

        public Object exits(Object event) {
            System.exit(3);
            return null;
        }

        public Object overflows(Object event) {
            return overflows(event);
        }

        public Object logs(Object event, Context context) {
            context.getLogger().log("through the logger");
            System.err.println("to stderr: \u00e9");
            return null;
        }

        public Map<String, Object> context(Object event, Context context) {
            return Map.of(
                "name", context.getFunctionName(),
                "memory", context.getMemoryLimitInMB(),
                "id", context.getAwsRequestId(),
                "time", context.getRemainingTimeInMillis() > 1000,
                "title", context.getClientContext() == null ? "none" : context.getClientContext().getClient().getAppTitle(),
                "identity", String.valueOf(context.getIdentity().getIdentityId()));
        }

        public String environment(String name) {
            return System.getenv(name);
        }
    }

    public static class Broken {
        public Broken() {
            throw new UnsupportedOperationException("no construction");
        }

        public String handle(Object event) {
            return "";
        }
    }
}
