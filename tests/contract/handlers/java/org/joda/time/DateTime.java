// Stands for Joda's class, which AWS's event classes use: made of ISO 8601 or of milliseconds.
package org.joda.time;

import java.time.Instant;

public final class DateTime {
    private final Instant moment;

    public DateTime(Object moment) {
        this.moment = moment instanceof Long millis ? Instant.ofEpochMilli(millis) : Instant.parse((String) moment);
    }

    public DateTime getSelf() {
        return this;
    }

    @Override
    public String toString() {
        return moment.toString();
    }
}
