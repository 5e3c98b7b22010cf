# One HTTP API with everything that belongs to it: stage, access log, authorizers, routes,
# integrations, permissions.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "shop-test-shop"
  authorizers        = { customers = { issuer = "https://login.example.com", audience = ["shop"] } }
  throttling         = { rate = 50, burst = 100 }
  log_retention_days = 14
  kms_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  throttled_metric   = { namespace = "Test", name = "Throttled-shop-test-shop" }

  functions = {
    orders = {
      name      = "shop-test-orders", alias = "live", timeout_seconds = 10
      alias_arn = "arn:aws:lambda:us-east-1:123456789012:function:shop-test-orders:live"
    }
    reports = {
      name      = "shop-test-reports", alias = "live", timeout_seconds = 900
      alias_arn = "arn:aws:lambda:us-east-1:123456789012:function:shop-test-reports:live"
    }
  }

  routes = {
    "POST /orders" = { function = "orders", authorizer = "customers", scopes = ["orders.write"] }
    "ANY /staff"   = { function = "reports", authorization = "iam" }
    "GET /health"  = { function = "orders", authorization = "none" }
  }
}

run "every_route_asks_for_what_it_declares" {
  command = apply

  module {
    source = "./modules/api"
  }

  assert {
    condition = { for key, route in aws_apigatewayv2_route.this : key => route.authorization_type } == {
      "POST /orders" = "JWT", "ANY /staff" = "AWS_IAM", "GET /health" = "NONE"
    }
    error_message = "A route has another authorization than declared."
  }

  assert {
    condition = (
      aws_apigatewayv2_route.this["POST /orders"].authorizer_id == aws_apigatewayv2_authorizer.this["customers"].id &&
      aws_apigatewayv2_route.this["POST /orders"].authorization_scopes == toset(["orders.write"]) &&
      aws_apigatewayv2_route.this["GET /health"].authorizer_id == null
    )
    error_message = "A route does not have its authorizer or its scopes."
  }

  assert {
    condition = (
      one(aws_apigatewayv2_authorizer.this["customers"].jwt_configuration).issuer == "https://login.example.com" &&
      one(aws_apigatewayv2_authorizer.this["customers"].jwt_configuration).audience == toset(["shop"]) &&
      aws_apigatewayv2_authorizer.this["customers"].identity_sources == toset(["$request.header.Authorization"])
    )
    error_message = "The authorizer does not ask for what is declared."
  }
}

run "every_function_is_invoked_by_its_alias_and_by_this_api_alone" {
  command = apply

  module {
    source = "./modules/api"
  }

  assert {
    condition = alltrue([for name, integration in aws_apigatewayv2_integration.this :
      integration.integration_uri == var.functions[name].alias_arn && integration.payload_format_version == "2.0"
    ])
    error_message = "An integration does not invoke the alias with payload format 2.0."
  }

  assert {
    condition = { for name, integration in aws_apigatewayv2_integration.this : name => integration.timeout_milliseconds } == {
      orders = 10500, reports = 30000
    }
    error_message = "An integration waits longer than API Gateway can, or shorter than its function."
  }

  assert {
    condition = alltrue([for name, permission in aws_lambda_permission.this :
      permission.function_name == var.functions[name].name && permission.qualifier == "live" &&
      permission.principal == "apigateway.amazonaws.com" &&
      permission.source_arn == "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/*/*"
    ]) && length(aws_lambda_permission.this) == 2
    error_message = "Something else than this API may invoke a function, or the API may not."
  }
}

run "the_stage_is_throttled_and_logs_every_request" {
  command = apply

  module {
    source = "./modules/api"
  }

  assert {
    condition = (
      one(aws_apigatewayv2_stage.this.default_route_settings).throttling_rate_limit == 50 &&
      one(aws_apigatewayv2_stage.this.default_route_settings).throttling_burst_limit == 100 &&
      aws_apigatewayv2_stage.this.auto_deploy
    )
    error_message = "The stage is not throttled as declared."
  }

  assert {
    condition = (
      aws_cloudwatch_log_group.access.name == "/aws/apigateway/shop-test-shop" &&
      aws_cloudwatch_log_group.access.retention_in_days == 14 &&
      aws_cloudwatch_log_group.access.kms_key_id == var.kms_key_arn &&
      one(aws_apigatewayv2_stage.this.access_log_settings).destination_arn == aws_cloudwatch_log_group.access.arn
    )
    error_message = "The access log is not where it belongs, or not encrypted."
  }

  assert {
    condition = alltrue([
      for field in ["status", "integrationError", "authorizerError", "invocationId"] :
      contains(keys(jsondecode(one(aws_apigatewayv2_stage.this.access_log_settings).format)), field)
    ])
    error_message = "A line of the access log does not say why a request failed."
  }

  # What the filter counts is a field of the lines.
  assert {
    condition = (
      aws_cloudwatch_log_metric_filter.throttled.pattern == "{ $.status = \"429\" }" &&
      one(aws_cloudwatch_log_metric_filter.throttled.metric_transformation).name == "Throttled-shop-test-shop"
    )
    error_message = "Throttled requests are not counted."
  }
}
