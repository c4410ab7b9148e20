// How AWS's runtime reads and writes classes: each handler is named by the case that uses it.
package cases;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

public final class Shapes {
    private Shapes() {}

    public static class Ticket {
        private String zone;
        private String URL;
        private Cases.Colour colour;
        private UUID id;
        private boolean paid;
        private String note;

        public String getZone() {
            return zone;
        }

        public void setZone(String zone) {
            this.zone = zone;
        }

        public String getURL() {
            return URL;
        }

        public void setURL(String url) {
            URL = url;
        }

        public Cases.Colour getColour() {
            return colour;
        }

        public void setColour(Cases.Colour colour) {
            this.colour = colour;
        }

        public UUID getId() {
            return id;
        }

        public void setId(UUID id) {
            this.id = id;
        }

        public boolean isPaid() {
            return paid;
        }

        public void setPaid(boolean paid) {
            this.paid = paid;
        }

        public String getNote() {
            return note;
        }

        public String isNoMember() {
            return "text is not asked for";
        }
    }

    public static class Echo implements RequestHandler<Ticket, Ticket> {
        @Override
        public Ticket handleRequest(Ticket ticket, Context context) {
            return ticket;
        }
    }

    public static class Fails implements RequestHandler<String, String> {
        @Override
        public String handleRequest(String text, Context context) {
            throw new IllegalStateException();
        }
    }

    public static class Loads {
        static {
            Integer.parseInt("none");
        }

        public String handle(String text) {
            return text;
        }
    }

    public static class NeedsMore {
        public NeedsMore(String text) {}

        public String handle(String text) {
            return text;
        }
    }

    public static class Plain {
        public String handleRequest(String text, Context context) {
            return text;
        }

        public Map<String, Object> nulls(String text) {
            Map<String, Object> map = new HashMap<>();
            map.put("none", null);
            return map;
        }

        public Object nullKey(String text) {
            Map<String, Object> map = new HashMap<>();
            map.put(null, 1);
            return map;
        }

        public List<Object> moments(List<Instant> instants) {
            return List.of(instants.get(0), LocalDate.of(2020, 1, 2), LocalDateTime.of(2020, 1, 2, 3, 4), Duration.ofMillis(1500));
        }

        public String text(String text) {
            return text;
        }

        public int length(List<String> texts) {
            return texts.size();
        }

        public boolean identity(String text, Context context) {
            return context.getIdentity() == null;
        }
    }
}
