// Handlers for the classes that AWS publishes beside the interfaces: events, levels of the log, hooks around a snapshot.
package cases;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import com.amazonaws.services.lambda.runtime.events.S3EventNotification;
import com.amazonaws.services.lambda.runtime.events.StreamEvent;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.crac.Core;
import org.crac.Resource;

public final class Published {
    private Published() {}

    public static class Events {
        public List<?> objects(S3Event event) {
            return event.getRecords();
        }

        public String notification(S3EventNotification event) {
            return event.getRecords().get(0).getS3().getKey();
        }

        public StreamEvent stream(StreamEvent event) {
            return event;
        }

        public long milliseconds(Moment event) {
            return event.at.getTime();
        }
    }

    public static class Moment {
        public Date at;
    }

    public abstract static class Base<I, O> implements RequestHandler<I, O> {
        protected abstract O work(I input);

        @Override
        public O handleRequest(I input, Context context) {
            return work(input);
        }
    }

    public abstract static class Batches<T> extends Base<List<T>, T> {}

    public static class First extends Batches<Cases.Line> {
        @Override
        protected Cases.Line work(List<Cases.Line> lines) {
            return lines.get(0);
        }
    }

    public static class Page<T> {
        public List<T> items;
        private T last;

        public T getLast() {
            return last;
        }

        public void setLast(T last) {
            this.last = last;
        }
    }

    public static class Names extends Base<Page<Cases.Line>, List<String>> {
        @Override
        protected List<String> work(Page<Cases.Line> page) {
            return List.of(page.items.get(0).name(), page.getLast().name());
        }
    }

    public static class Levels {
        public Object write(Object event, Context context) {
            context.getLogger().log("fine", LogLevel.DEBUG);
            context.getLogger().log("say \"hi\"", LogLevel.WARN);
            context.getLogger().log("of no level");
            LambdaRuntime.getLogger().log("from anywhere", LogLevel.ERROR);
            return null;
        }

        public Object fail(Object event) {
            throw new IllegalStateException("bad");
        }
    }

    public static class Hooks implements RequestHandler<Object, List<String>> {
        private static final List<String> RAN = new ArrayList<>();

        private record Hook(String name) implements Resource {
            @Override
            public void beforeCheckpoint(org.crac.Context<? extends Resource> context) {
                RAN.add("before " + name);
                fail("before");
            }

            @Override
            public void afterRestore(org.crac.Context<? extends Resource> context) {
                RAN.add("after " + name);
                fail("after");
            }

            private static void fail(String when) {
                if (when.equals(System.getenv("FAILS"))) {
                    throw new IllegalStateException(when + " failed");
                }
            }
        }

        // What implements org.crac may hold no more than weak references.
        private final Map<Integer, Hook> hooks = Map.of(1, new Hook("first"), 2, new Hook("second"));

        public Hooks() {
            Core.getGlobalContext().register(hooks.get(1));
            Core.getGlobalContext().register(hooks.get(2));
        }

        @Override
        public List<String> handleRequest(Object event, Context context) {
            return RAN;
        }
    }
}
