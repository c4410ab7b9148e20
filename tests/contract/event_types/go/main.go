// Reads {"name": event} from standard input into AWS's published types, refusing fields that they do not know.
// Prints {"name": "what is wrong"} for those that do not fit.
package main

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/events"
)

var types = map[string]func() any{
	"activemq":                func() any { return &events.ActiveMQEvent{} },
	"alb":                     func() any { return &events.ALBTargetGroupRequest{} },
	"alb-multi-value":         func() any { return &events.ALBTargetGroupRequest{} },
	"apigw-http":              func() any { return &events.APIGatewayV2HTTPRequest{} },
	"apigw-rest":              func() any { return &events.APIGatewayProxyRequest{} },
	"apigw-websocket":         func() any { return &events.APIGatewayWebsocketProxyRequest{} },
	"cloudformation":          func() any { return &cfn.Event{} },
	"cloudwatch-logs":         func() any { return &events.CloudwatchLogsEvent{} },
	"codecommit":              func() any { return &events.CodeCommitEvent{} },
	"codepipeline":            func() any { return &events.CodePipelineJobEvent{} },
	"cognito-sync":            func() any { return &events.CognitoEvent{} },
	"cognito-userpool":        func() any { return &events.CognitoEventUserPoolsPreSignup{} },
	"config":                  func() any { return &events.ConfigEvent{} },
	"connect":                 func() any { return &events.ConnectEvent{} },
	"dynamodb":                func() any { return &events.DynamoDBEvent{} },
	"eventbridge":             func() any { return &events.CloudWatchEvent{} },
	"eventbridge-schedule":    func() any { return &events.CloudWatchEvent{} },
	"firehose":                func() any { return &events.KinesisFirehoseEvent{} },
	"function-url":            func() any { return &events.LambdaFunctionURLRequest{} },
	"iot":                     func() any { return &events.IoTButtonEvent{} },
	"kafka":                   func() any { return &events.KafkaEvent{} },
	"kinesis":                 func() any { return &events.KinesisEvent{} },
	"rabbitmq":                func() any { return &events.RabbitMQEvent{} },
	"s3":                      func() any { return &events.S3Event{} },
	"s3-batch":                func() any { return &events.S3BatchJobEvent{} },
	"secretsmanager-rotation": func() any { return &events.SecretsManagerSecretRotationEvent{} },
	"ses":                     func() any { return &events.SimpleEmailEvent{} },
	"sns":                     func() any { return &events.SNSEvent{} },
	"sqs":                     func() any { return &events.SQSEvent{} },
	"sqs-fifo":                func() any { return &events.SQSEvent{} },
}

func main() {
	var samples map[string]json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&samples); err != nil {
		panic(err)
	}
	wrong := map[string]string{}
	checked := []string{}
	for name, sample := range samples {
		known, found := types[name]
		if !found {
			continue
		}
		checked = append(checked, name)
		decoder := json.NewDecoder(bytes.NewReader(sample))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(known()); err != nil {
			wrong[name] = err.Error()
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"wrong": wrong, "checked": checked})
}
