"""moto's API Gateway, made to serve: deployments that keep what was deployed, working addresses, whole definitions."""
