# Ways in over HTTP: HTTP APIs here, function URLs in the module of the function.

locals {
  api_functions = {
    for name, api in var.apis : name => toset([for route in api.routes : route.function if contains(keys(var.functions), route.function)])
  }

  # The metric comes from the access log, whose lines do not name their API.
  throttled_metrics = {
    for name, physical in local.names.apis :
    name => { namespace = var.metrics_namespace, name = "Throttled-${physical}" }
  }

  # Lines of the dashboard, with the metrics of the alarms.
  api_lines = {
    for metric in ["5xx", "Latency"] : metric => [
      for name in sort(keys(var.apis)) : ["AWS/ApiGateway", metric, "ApiId", module.api[name].id, { label = name }]
    ]
  }
  throttled_lines = [
    for name in sort(keys(var.apis)) : [local.throttled_metrics[name].namespace, local.throttled_metrics[name].name, { label = name }]
  ]
  url_lines = [
    for name in sort(keys(var.functions)) : [
      "AWS/Lambda", "Url5xxCount", "FunctionName", local.names.functions[name], "Resource",
      local.function_dimensions[name].Resource, { label = name },
    ] if var.functions[name].url != null
  ]

  # Routes and function URLs that ask for a signature: who signs needs a policy (policies.tf).
  iam_routes = flatten([
    for name, api in var.apis : [
      for key, route in api.routes : { api = name, key = key } if route.authorization == "iam"
    ]
  ])
  iam_urls = sort([for name, function in var.functions : name if try(function.url.authorization, "") == "iam"])
}

module "api" {
  source   = "./modules/api"
  for_each = var.apis

  name               = local.names.apis[each.key]
  authorizers        = each.value.authorizers
  throttling         = each.value.throttling
  routes             = each.value.routes
  log_retention_days = var.log_retention_days
  kms_key_arn        = local.kms_key_arn
  throttled_metric   = local.throttled_metrics[each.key]

  functions = {
    for name in local.api_functions[each.key] : name => {
      name            = local.names.functions[name]
      alias           = local.function_alias
      alias_arn       = module.function[name].alias_arn
      timeout_seconds = var.functions[name].timeout_seconds
    }
  }
}
