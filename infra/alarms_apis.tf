# Alarms of HTTP APIs and function URLs. Nothing retries a request for its client, so they watch
# what the client gets.

locals {
  # A client waits: half of what API Gateway allows is far too long already.
  alarm_api_latency_milliseconds = 15000

  api_alarms = merge([for name, api in var.apis : {
    "api-${name}-failed" = merge(local.sustained, {
      namespace  = "AWS/ApiGateway", metric = "5xx"
      dimensions = { ApiId = module.api[name].id }
      description = join(" ", [
        "Requests to the API ${name} fail at the server: the function failed, was throttled, took longer than 30 s, or",
        "answered what is not a response. /aws/apigateway/${local.names.apis[name]} has a line for each, with",
        "integrationError and the id of the invocation.",
      ])
    })
    "api-${name}-slow" = {
      namespace  = "AWS/ApiGateway", metric = "Latency"
      dimensions = { ApiId = module.api[name].id }
      statistic  = null, extended_statistic = "p99", period = 300, periods = 3, tells = "ticket"
      threshold  = local.alarm_api_latency_milliseconds
      description = join(" ", [
        "One request in a hundred to the API ${name} takes more than ${local.alarm_api_latency_milliseconds / 1000} s;",
        "after 30 s API Gateway answers 503 though the function goes on. Compare responseLatency with integrationLatency in",
        "/aws/apigateway/${local.names.apis[name]}: the difference is API Gateway's.",
      ])
    }
    "api-${name}-throttled" = merge(local.sustained, {
      namespace  = local.throttled_metrics[name].namespace, metric = local.throttled_metrics[name].name
      dimensions = null
      description = join(" ", [
        "The stage of the API ${name} refuses requests with 429: more than ${api.throttling.rate} a second, or",
        "${api.throttling.burst} at the same moment. Find out in /aws/apigateway/${local.names.apis[name]} who sends them;",
        "if it is the usual traffic, raise throttling of ${name}.",
      ])
    })
  }]...)

  # Latency and throttles of a URL are those of its function, which has alarms for both.
  url_alarms = {
    for name, function in var.functions : "url-${name}-failed" => merge(local.sustained, {
      namespace  = "AWS/Lambda", metric = "Url5xxCount"
      dimensions = local.function_dimensions[name]
      description = join(" ", [
        "Requests to the URL of ${name} fail at the server: the function failed, timed out, or answered what is not a",
        "response. Look for the last lines before the failure in ${local.log_groups[name]}.",
      ])
    }) if function.url != null
  }
}
