// In the shape of aws-lambda-java-events 3.14.0: no setters, and no constructor without parameters.
package com.amazonaws.services.lambda.runtime.events;

import java.util.List;
import org.joda.time.DateTime;

public class S3EventNotification {
    private final List<Record> records;

    public S3EventNotification(List<Record> records) {
        this.records = records;
    }

    public List<Record> getRecords() {
        return records;
    }

    public static class Record {
        private final String awsRegion;
        private DateTime eventTime;
        private final ResponseElements responseElements;
        private final Stored s3;

        public Record(String awsRegion, String eventTime, ResponseElements responseElements, Stored s3) {
            this.awsRegion = awsRegion;
            this.eventTime = new DateTime(eventTime);
            this.responseElements = responseElements;
            this.s3 = s3;
        }

        public String getAwsRegion() {
            return awsRegion;
        }

        public DateTime getEventTime() {
            return eventTime;
        }

        public ResponseElements getResponseElements() {
            return responseElements;
        }

        public Stored getS3() {
            return s3;
        }
    }

    public static class ResponseElements {
        private final String xAmzId2;
        private final String xAmzRequestId;

        public ResponseElements(String xAmzId2, String xAmzRequestId) {
            this.xAmzId2 = xAmzId2;
            this.xAmzRequestId = xAmzRequestId;
        }

        public String getxAmzId2() {
            return xAmzId2;
        }

        public String getxAmzRequestId() {
            return xAmzRequestId;
        }
    }

    public static class Stored {
        private final String key;
        private final Long size;
        private static final String DEFAULT_ENCODING = "UTF-8";

        public Stored(String key) {
            this(key, -1L);
        }

        public Stored(String key, Long size) {
            this.key = key;
            this.size = size;
        }

        public String getKey() {
            return key;
        }

        public Long getSize() {
            return size;
        }
    }
}
