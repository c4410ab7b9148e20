// In the shape of aws-lambda-java-events 3.14.0: its constructor without parameters leaves it empty.
package com.amazonaws.services.lambda.runtime.events;

import java.util.ArrayList;
import java.util.List;

public class S3Event extends S3EventNotification {
    public S3Event() {
        super(new ArrayList<>());
    }

    public S3Event(List<Record> records) {
        super(records);
    }
}
