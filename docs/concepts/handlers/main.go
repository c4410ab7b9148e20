package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Sku   string `json:"sku"`
	Count int    `json:"count"`
}

type quote struct {
	TotalCents int    `json:"total_cents"`
	ID         string `json:"id"`
}

func handle(ctx context.Context, in order) (quote, error) {
	deadline, _ := ctx.Deadline()
	if time.Until(deadline) < 100*time.Millisecond {
		return quote{}, errors.New("too late to begin")
	}
	call, _ := lambdacontext.FromContext(ctx)
	return quote{TotalCents: 650 * in.Count, ID: call.AwsRequestID}, nil
}

func main() {
	lambda.Start(handle)
}
