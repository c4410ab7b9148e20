// Deploys, invokes, asks and fails with the AWS SDK for Go; prints what it saw as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type refusal struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func refused(err error) refusal {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &response) {
		must(0, fmt.Errorf("it was not refused: %w", err))
	}
	return refusal{api.ErrorCode(), api.ErrorMessage(), response.HTTPStatusCode()}
}

func main() {
	ctx := context.Background()
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
	})
	client := lambda.New(lambda.Options{
		BaseEndpoint:     aws.String(os.Getenv("AWS_ENDPOINT_URL")),
		Region:           "us-east-1",
		Credentials:      keys,
		HTTPClient:       &http.Client{Timeout: 20 * time.Second},
		RetryMaxAttempts: 1,
	})
	name := aws.String("from-go")
	made := must(client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: name,
		Runtime:      types.RuntimePython312,
		Handler:      aws.String("app.handler"),
		Role:         aws.String("arn:aws:iam::000000000000:role/demo"),
		Code:         &types.FunctionCode{ZipFile: must(os.ReadFile(os.Args[1]))},
		Environment:  &types.Environment{Variables: map[string]string{"FRUIT": "kiwi"}},
		Publish:      true,
	}))
	waiter := lambda.NewFunctionActiveV2Waiter(client)
	must(0, waiter.Wait(ctx, &lambda.GetFunctionInput{FunctionName: name}, 20*time.Second))
	must(client.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: name, Name: aws.String("live"), FunctionVersion: made.Version,
	}))
	answer := must(client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: name, Qualifier: aws.String("live"), Payload: []byte(`{"price": 3}`),
	}))
	var names []string
	pages := lambda.NewListFunctionsPaginator(client, &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, each := range must(pages.NextPage(ctx)).Functions {
			names = append(names, *each.FunctionName)
		}
	}
	_, missing := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("missing")})
	_, invalid := client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: name, MemorySize: aws.Int32(1),
	})
	must(client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name}))
	must(0, json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version": made.Version,
		"answer":  json.RawMessage(answer.Payload),
		"listed":  slices.Contains(names, *name),
		"missing": refused(missing),
		"invalid": refused(invalid),
	}))
}
