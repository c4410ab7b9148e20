// The handlers of the Go cases, on aws-lambda-go.
package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Name string `json:"name"`
}

func handle(ctx context.Context, in event) (map[string]string, error) {
	if in.Name == "fail" {
		return nil, errors.New("no name")
	}
	if in.Name == "panic" {
		panic("at the disco")
	}
	lc, _ := lambdacontext.FromContext(ctx)
	return map[string]string{"hello": in.Name, "id": lc.AwsRequestID}, nil
}

func main() { lambda.Start(handle) }
