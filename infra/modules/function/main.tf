# The log group exists before the function: Lambda would create one that keeps logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = var.zip
  source_code_hash               = fileexists(var.zip) ? filebase64sha256(var.zip) : null
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  layers                         = var.layers
  kms_key_arn                    = var.kms_key_arn
  publish                        = true

  environment {
    variables = var.environment
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = var.log_level
    # The reports of invocations, which say how much memory was used, have the level INFO.
    system_log_level = var.detailed_metrics ? "INFO" : "WARN"
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  tracing_config {
    mode = var.xray_tracing ? "Active" : "PassThrough"
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.zip)
      error_message = "The zip of the function is missing: ${var.zip}. Run `make build`, or set zip_directory to the zips' directory."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

# Terraform moves the alias; so does `make rollback`, which declares a version to stay at. If
# somebody else has moved it, the next plan shows that and moves it back.
resource "aws_lambda_alias" "live" {
  name             = var.alias
  function_name    = aws_lambda_function.this.function_name
  function_version = coalesce(var.held_version, aws_lambda_function.this.version)

  lifecycle {
    precondition {
      condition     = var.held_version == null ? true : tonumber(var.held_version) <= tonumber(aws_lambda_function.this.version)
      error_message = <<-EOT
        ${var.name} must stay at version ${coalesce(var.held_version, "-")}, and its newest version is
        ${aws_lambda_function.this.version}. Correct versions to one that
        `aws lambda list-versions-by-function --function-name ${var.name}` lists.
      EOT
    }
  }
}

# The report of each invocation says how much memory its execution environment has used at most.
resource "aws_cloudwatch_log_metric_filter" "memory" {
  count = var.detailed_metrics ? 1 : 0

  name           = "${var.name}-memory"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = "{ $.type = \"platform.report\" }"

  metric_transformation {
    namespace = var.memory_metric.namespace
    name      = var.memory_metric.name
    value     = "$.record.metrics.maxMemoryUsedMB"
    unit      = "Megabytes"
  }
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = var.sources

  function_name                      = aws_lambda_alias.live.arn
  event_source_arn                   = each.value.arn
  enabled                            = each.value.enabled
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.batching_window_seconds
  function_response_types            = each.value.report_batch_item_failures ? ["ReportBatchItemFailures"] : []
  starting_position                  = each.value.starting_position
  starting_position_timestamp        = each.value.starting_position_timestamp
  tumbling_window_in_seconds         = each.value.tumbling_window_seconds == 0 ? null : each.value.tumbling_window_seconds
  parallelization_factor             = each.value.queue == null ? coalesce(each.value.parallelization_factor, 1) : null
  bisect_batch_on_function_error     = each.value.queue == null ? each.value.bisect_on_error : null
  maximum_retry_attempts             = each.value.maximum_retry_attempts
  maximum_record_age_in_seconds      = each.value.maximum_record_age_seconds

  dynamic "destination_config" {
    for_each = compact([each.value.on_failure_arn])

    content {
      on_failure {
        destination_arn = destination_config.value
      }
    }
  }

  # Counts events in place of batches, and those that are given up.
  dynamic "metrics_config" {
    for_each = var.detailed_metrics && each.value.queue == null ? [1] : []

    content {
      metrics = ["EventCount"]
    }
  }

  dynamic "filter_criteria" {
    for_each = length(each.value.filter_criteria) == 0 ? [] : [each.value.filter_criteria]

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value.pattern
        }
      }
    }
  }

  dynamic "scaling_config" {
    for_each = [for maximum in [each.value.maximum_concurrency] : maximum if maximum != null]

    content {
      maximum_concurrency = scaling_config.value
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.asynchronous == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_retry_attempts       = var.asynchronous.maximum_retry_attempts
  maximum_event_age_in_seconds = var.asynchronous.maximum_event_age_seconds

  destination_config {
    on_failure {
      destination = var.asynchronous.on_failure_arn
    }

    dynamic "on_success" {
      for_each = compact([var.asynchronous.on_success_arn])

      content {
        destination = on_success.value
      }
    }
  }
}

resource "aws_lambda_permission" "topic" {
  for_each = var.topics

  statement_id  = "Topic-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "sns.amazonaws.com"
  source_arn    = each.value
}

resource "aws_lambda_permission" "rule" {
  for_each = var.rules

  statement_id  = "Rule-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "events.amazonaws.com"
  source_arn    = each.value
}

# Callers need a policy that allows them to call it (output producer_policy).
resource "aws_lambda_function_url" "this" {
  count = var.url_authorization == null ? 0 : 1

  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "AWS_IAM"
}
