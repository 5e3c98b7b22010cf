# The rules of HTTP APIs (validations/apis.tftpl): each run breaks a good declaration at one place.
# And what a declared API and a declared URL lead to in the whole system.

mock_provider "aws" {
  source = "./tests/mocks"
}

# As on an emulator, where the declared addresses will do.
variables {
  environment         = "local"
  sender_owner        = "local"
  name_prefix         = "shop-test-"
  placeholder_zip     = "./tests/placeholder.zip"
  deletion_protection = false

  apis = {
    shop = {
      authorizers = { customers = { issuer = "https://login.example.com", audience = ["shop"] } }
      throttling  = { rate = 50, burst = 100 }
      routes = {
        "POST /orders"         = { function = "order-processor", authorizer = "customers" }
        "ANY /staff/{path+}"   = { function = "order-processor", authorization = "iam" }
        "GET /staff/{id}/note" = { function = "order-processor", authorization = "iam" }
        "$default"             = { function = "notification", authorization = "none" }
      }
    }
  }
}

run "an_api_is_built_watched_and_deployed" {
  command = apply

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { url = { authorization = "iam" } }) })
  }

  assert {
    condition = (
      output.apis == { shop = "https://a1b2c3.execute-api.us-east-1.amazonaws.com" } &&
      keys(output.function_urls) == ["notification"]
    )
    error_message = "An output does not name the API or the function URL."
  }

  assert {
    condition = alltrue([
      for key, metric in {
        "api-shop-failed"         = "5xx", "api-shop-slow" = "Latency", "api-shop-throttled" = "Throttled-shop-test-shop",
        "url-notification-failed" = "Url5xxCount",
      } : aws_cloudwatch_metric_alarm.this[key].metric_name == metric
    ])
    error_message = "An API or a function URL is not watched."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["api-shop-failed"].dimensions.ApiId == "a1b2c3" &&
      aws_cloudwatch_metric_alarm.this["url-notification-failed"].dimensions.Resource == "shop-test-notification:live"
    )
    error_message = "An alarm watches something else than the API or the URL of the alias."
  }

  assert {
    condition = length(setsubtract(
      ["5xx a1b2c3", "Latency a1b2c3", "Throttled-shop-test-shop", "Url5xxCount shop-test-notification"],
      flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for line in widget.properties.metrics : join(" ", [for n in [1, 3] : line[n] if can(tostring(line[n]))])
      ] if widget.type == "metric"]),
    )) == 0
    error_message = "The metric of an alarm is in no graph."
  }

  # Callers with a signature: these routes and URLs, and no others.
  assert {
    condition = {
      for statement in jsondecode(output.producer_policy).Statement : statement.Sid => statement.Resource
      if contains(["Routes", "Urls", "InvokeByUrl"], statement.Sid)
      } == {
      Routes = [
        "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/$default/*/staff/*",
        "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/$default/GET/staff/*/note",
      ]
      Urls        = ["arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification:live"]
      InvokeByUrl = ["arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification:live"]
    }
    error_message = "Producers may call other routes and URLs than those that ask for a signature."
  }

  assert {
    condition = [
      for statement in jsondecode(output.producer_policy).Statement : statement.Condition if statement.Sid == "InvokeByUrl"
    ] == [{ Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }]
    error_message = "A caller of a URL may invoke the function otherwise, too."
  }

  assert {
    condition = length(setsubtract(
      ["NewApis", "Apis", "AccessLogs", "LogDelivery", "FunctionUrls"],
      [for statement in jsondecode(output.deployer_policy).Statement : statement.Sid],
    )) == 0
    error_message = "A deployer may not create what is declared."
  }
}

run "without_an_api_and_a_url_a_deployer_has_no_permission_for_them" {
  command = apply

  variables {
    apis = {}
  }

  assert {
    condition = length(setintersection(
      ["NewApis", "Apis", "AccessLogs", "LogDelivery", "FunctionUrls"],
      [for statement in jsondecode(output.deployer_policy).Statement : statement.Sid],
    )) == 0
    error_message = "A deployer may create what is not declared."
  }
}

run "an_api_has_a_name_with_room_for_the_prefix" {
  command = plan

  variables {
    apis = { Shop = var.apis.shop }
  }

  expect_failures = [var.apis]
}

run "throttling_lets_requests_through" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { throttling = { rate = 50, burst = 0 } }) }
  }

  expect_failures = [var.apis]
}

run "an_issuer_is_reached_by_tls" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { authorizers = { customers = { issuer = "http://login.example.com", audience = ["shop"] } } }) }
  }

  expect_failures = [var.apis]
}

run "a_route_has_a_method_and_a_path" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { routes = { "orders" = { function = "order-processor", authorization = "none" } } }) }
  }

  expect_failures = [var.apis]
}

run "a_route_leads_to_a_declared_function" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { routes = { "GET /" = { function = "refunds", authorization = "none" } } }) }
  }

  expect_failures = [var.apis]
}

run "a_route_says_who_may_call_it" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { routes = { "GET /" = { function = "order-processor" } } }) }
  }

  expect_failures = [var.apis]
}

run "a_route_has_a_declared_authorizer" {
  command = plan

  variables {
    apis = { shop = merge(var.apis.shop, { routes = { "GET /" = { function = "order-processor", authorizer = "staff" } } }) }
  }

  expect_failures = [var.apis]
}

run "a_function_url_asks_for_a_signature" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { url = { authorization = "none" } }) })
  }

  expect_failures = [var.functions]
}
