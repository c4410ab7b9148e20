// In the shape of the classes for Kinesis, DynamoDB, SQS and SNS in aws-lambda-java-events 3.14.0.
package com.amazonaws.services.lambda.runtime.events;

import java.nio.ByteBuffer;
import java.util.Date;
import java.util.List;
import org.joda.time.DateTime;

public class StreamEvent {
    private ByteBuffer data;
    private List<ByteBuffer> binaryListValues;
    private Date approximateCreationDateTime;
    private DateTime timestamp;
    private String streamViewType;

    public enum View {
        KEYS_ONLY
    }

    public ByteBuffer getData() {
        return data;
    }

    public void setData(ByteBuffer data) {
        this.data = data;
    }

    public List<ByteBuffer> getBinaryListValues() {
        return binaryListValues;
    }

    public void setBinaryListValues(List<ByteBuffer> binaryListValues) {
        this.binaryListValues = binaryListValues;
    }

    public Date getApproximateCreationDateTime() {
        return approximateCreationDateTime;
    }

    public void setApproximateCreationDateTime(Date approximateCreationDateTime) {
        this.approximateCreationDateTime = approximateCreationDateTime;
    }

    public DateTime getTimestamp() {
        return timestamp;
    }

    public void setTimestamp(DateTime timestamp) {
        this.timestamp = timestamp;
    }

    public String getStreamViewType() {
        return streamViewType;
    }

    public void setStreamViewType(View view) {
        this.streamViewType = view.name();
    }

    public void setStreamViewType(String streamViewType) {
        this.streamViewType = streamViewType;
    }
}
