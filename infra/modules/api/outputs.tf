output "id" {
  value       = aws_apigatewayv2_api.this.id
  description = "Id of the API, which its metrics have as dimension."
}

output "execution_arn" {
  value       = aws_apigatewayv2_api.this.execution_arn
  description = "Beginning of the ARNs of its stages and routes."
}

output "endpoint" {
  value       = aws_apigatewayv2_api.this.api_endpoint
  description = "URL of the API."
}
