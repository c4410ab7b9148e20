"""CloudFormation: moto keeps the stacks; templates, their order and the Lambda resources in them are ours."""
