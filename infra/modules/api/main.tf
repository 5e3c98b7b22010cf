resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
}

# API Gateway would create no log group: it must exist before the stage.
resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttling.rate
    throttling_burst_limit   = var.throttling.burst
    detailed_metrics_enabled = false
  }

  # Neither query nor headers: both may hold what must not be in a log.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId          = "$context.requestId"
      invocationId       = "$context.integration.requestId"
      time               = "$context.requestTime"
      sourceIp           = "$context.identity.sourceIp"
      routeKey           = "$context.routeKey"
      path               = "$context.path"
      status             = "$context.status"
      responseLength     = "$context.responseLength"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integrationLatency"
      integrationStatus  = "$context.integrationStatus"
      integrationError   = "$context.integrationErrorMessage"
      authorizerError    = "$context.authorizer.error"
      error              = "$context.error.message"
    })
  }
}

# API Gateway has no metric of its own for what a stage refuses.
resource "aws_cloudwatch_log_metric_filter" "throttled" {
  name           = "${var.name}-throttled"
  log_group_name = aws_cloudwatch_log_group.access.name
  pattern        = "{ $.status = \"429\" }"

  metric_transformation {
    namespace = var.throttled_metric.namespace
    name      = var.throttled_metric.name
    value     = "1"
    unit      = "Count"
  }
}

resource "aws_apigatewayv2_authorizer" "this" {
  for_each = var.authorizers

  api_id           = aws_apigatewayv2_api.this.id
  name             = each.key
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = each.value.issuer
    audience = each.value.audience
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = var.functions

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value.alias_arn
  integration_method     = "POST"
  payload_format_version = "2.0"
  # 30 seconds are the most. A little more than the function's own timeout lets the function report
  # its timeout itself.
  timeout_milliseconds = min(30000, 1000 * each.value.timeout_seconds + 500)
}

resource "aws_apigatewayv2_route" "this" {
  for_each = var.routes

  api_id               = aws_apigatewayv2_api.this.id
  route_key            = each.key
  target               = "integrations/${aws_apigatewayv2_integration.this[each.value.function].id}"
  authorization_type   = each.value.authorizer != null ? "JWT" : each.value.authorization == "iam" ? "AWS_IAM" : "NONE"
  authorizer_id        = each.value.authorizer == null ? null : aws_apigatewayv2_authorizer.this[each.value.authorizer].id
  authorization_scopes = length(each.value.scopes) == 0 ? null : each.value.scopes

  # A request may come as soon as its route exists.
  depends_on = [aws_lambda_permission.this]
}

resource "aws_lambda_permission" "this" {
  for_each = var.functions

  statement_id  = "Api-${var.name}"
  action        = "lambda:InvokeFunction"
  function_name = each.value.name
  qualifier     = each.value.alias
  principal     = "apigateway.amazonaws.com"
  # Stage, method and path: all of this API, and no other.
  source_arn = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}
