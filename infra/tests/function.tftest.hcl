# One function with everything that belongs to it: role, log group, alias, mappings, asynchronous
# invocation.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                 = "shop-test-refunds"
  alias                = "live"
  zip                  = "./tests/placeholder.zip"
  architecture         = "x86_64"
  memory_mb            = 256
  timeout_seconds      = 30
  reserved_concurrency = -1
  environment          = { REFUNDS_TABLE = "shop-test-refunds" }
  account_id           = "123456789012"
  log_level            = "INFO"
  log_retention_days   = 14
  xray_tracing         = false
  layers               = []
  kms_key_arn          = null
  topics               = { audit = "arn:aws:sns:us-east-1:123456789012:shop-test-alerts" }
  rules                = { refund-requested = "arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-refund-requested" }

  statements = [{
    Sid      = "RefundsTable"
    Effect   = "Allow"
    Action   = ["dynamodb:GetItem"]
    Resource = "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-refunds"
  }]

  sources = {
    orders = {
      arn                        = "arn:aws:kinesis:us-east-1:123456789012:stream/shop-test-orders"
      stream                     = "orders"
      batch_size                 = 100
      batching_window_seconds    = 1
      report_batch_item_failures = true
      starting_position          = "AT_TIMESTAMP"

      starting_position_timestamp = "2026-01-31T12:00:00Z"
      tumbling_window_seconds     = 60

      parallelization_factor     = 2
      bisect_on_error            = true
      maximum_retry_attempts     = 1000
      maximum_record_age_seconds = 21600
      on_failure_arn             = "arn:aws:sqs:us-east-1:123456789012:shop-test-stream-failures"
      filter_criteria            = [{ pattern = "{\"data\":{\"type\":[\"PlaceOrder\"]}}" }]
    }
    refunds = {
      arn                        = "arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"
      queue                      = "refunds"
      batch_size                 = 10
      batching_window_seconds    = 0
      report_batch_item_failures = true
      bisect_on_error            = false
      maximum_concurrency        = 4
    }
  }

  asynchronous = {
    maximum_retry_attempts    = 2
    maximum_event_age_seconds = 21600
    on_failure_arn            = "arn:aws:sqs:us-east-1:123456789012:shop-test-async-failures"
  }
}

run "a_function_is_what_was_declared" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition = (
      aws_lambda_function.this.runtime == "provided.al2023" &&
      aws_lambda_function.this.architectures == tolist(["x86_64"]) &&
      aws_lambda_function.this.memory_size == 256 &&
      aws_lambda_function.this.timeout == 30
    )
    error_message = "Runtime, architecture, memory or timeout differ."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/placeholder.zip")
    error_message = "A changed zip would not be deployed."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "Concurrency is reserved although nobody asked for it."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ REFUNDS_TABLE = "shop-test-refunds" })
    error_message = "The environment variables differ."
  }

  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_format == "JSON" &&
      aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name
    )
    error_message = "The function does not log JSON into its own log group."
  }

  assert {
    condition = (
      aws_cloudwatch_log_group.this.name == "/aws/lambda/shop-test-refunds" &&
      aws_cloudwatch_log_group.this.retention_in_days == 14
    )
    error_message = "The log group has another name than Lambda's default, or no retention."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    error_message = "Traces are sampled although tracing is off."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == null && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "A key is used although there is none."
  }

  assert {
    condition = (
      aws_lambda_alias.live.name == "live" &&
      aws_lambda_alias.live.function_version == aws_lambda_function.this.version &&
      aws_lambda_function.this.publish
    )
    error_message = "The alias does not follow the published version."
  }
}

run "a_role_is_for_one_function_of_one_account" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = "Somebody else than Lambda, on behalf of this account, may assume the role."
  }

  assert {
    condition = (
      aws_iam_role.this.name == "shop-test-refunds" &&
      aws_lambda_function.this.role == aws_iam_role.this.arn &&
      aws_iam_role_policy.this.role == aws_iam_role.this.id
    )
    error_message = "Function, role and policy do not belong together."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid] == ["Logs", "RefundsTable"]
    error_message = "The policy has other statements than the function's own and the one for its logs."
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      strcontains(jsonencode(statement.Action), "CreateLogGroup") || strcontains(jsonencode(statement.Action), "*")
    ])
    error_message = "The role may create log groups, which would have no retention, or has a wildcard action."
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : contains(flatten([statement.Resource]), "*")
    ])
    error_message = "The policy names every resource."
  }
}

run "a_mapping_of_a_stream_is_bounded" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.this : mapping.function_name == aws_lambda_alias.live.arn])
    error_message = "A mapping invokes something else than the alias."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["orders"].maximum_record_age_in_seconds == 21600 &&
      aws_lambda_event_source_mapping.this["orders"].maximum_retry_attempts == 1000
    )
    error_message = "The mapping retries without a limit."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["orders"].destination_config[0].on_failure[0].destination_arn ==
      "arn:aws:sqs:us-east-1:123456789012:shop-test-stream-failures"
    )
    error_message = "What the mapping gives up is lost."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["orders"].bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.this["orders"].parallelization_factor == 2 &&
      aws_lambda_event_source_mapping.this["orders"].batch_size == 100 &&
      aws_lambda_event_source_mapping.this["orders"].maximum_batching_window_in_seconds == 1
    )
    error_message = "The mapping's batches differ from what was declared."
  }

  assert {
    condition = jsondecode(
      one(one(aws_lambda_event_source_mapping.this["orders"].filter_criteria).filter).pattern
    ) == { data = { type = ["PlaceOrder"] } }
    error_message = "The mapping delivers what it was declared to pass over."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this["refunds"].filter_criteria) == 0
    error_message = "The mapping passes over what it was declared to deliver."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["orders"].starting_position == "AT_TIMESTAMP" &&
      aws_lambda_event_source_mapping.this["orders"].starting_position_timestamp == "2026-01-31T12:00:00Z" &&
      aws_lambda_event_source_mapping.this["orders"].tumbling_window_in_seconds == 60
    )
    error_message = "The mapping skips what was written while it was made."
  }

  assert {
    condition = alltrue([
      for mapping in aws_lambda_event_source_mapping.this :
      mapping.function_response_types == toset(["ReportBatchItemFailures"])
    ])
    error_message = "One failed record would fail its whole batch."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this["refunds"].scaling_config[0].maximum_concurrency == 4
    error_message = "The queue's mapping has another concurrency than declared."
  }
}

run "an_asynchronous_invocation_is_bounded" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this[0].qualifier == "live" &&
      aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts == 2 &&
      aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds == 21600
    )
    error_message = "The limits are not those declared, or not for the alias that rules invoke."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination ==
      "arn:aws:sqs:us-east-1:123456789012:shop-test-async-failures"
    )
    error_message = "What the invocation gives up is lost."
  }

  assert {
    condition = (
      aws_lambda_permission.rule["refund-requested"].source_arn ==
      "arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-refund-requested" &&
      aws_lambda_permission.rule["refund-requested"].qualifier == "live" &&
      aws_lambda_permission.rule["refund-requested"].principal == "events.amazonaws.com" &&
      aws_lambda_permission.topic["audit"].source_arn == "arn:aws:sns:us-east-1:123456789012:shop-test-alerts" &&
      aws_lambda_permission.topic["audit"].qualifier == "live" &&
      aws_lambda_permission.topic["audit"].principal == "sns.amazonaws.com"
    )
    error_message = "Somebody else than the rule may invoke the function."
  }
}

run "a_function_can_do_without_any_of_it" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    sources      = {}
    asynchronous = null
    topics       = {}
    rules        = {}
  }

  assert {
    condition = length(aws_lambda_event_source_mapping.this) == 0 && length(
      aws_lambda_function_event_invoke_config.this
    ) == 0 && length(aws_lambda_permission.rule) == 0 && length(aws_lambda_permission.topic) == 0
    error_message = "Something may invoke the function that nobody declared."
  }
}

run "a_success_is_told_where_it_was_declared" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    asynchronous = {
      maximum_retry_attempts    = 2
      maximum_event_age_seconds = 21600
      on_failure_arn            = "arn:aws:sqs:us-east-1:123456789012:shop-test-async-failures"
      on_success_arn            = "arn:aws:sqs:us-east-1:123456789012:shop-test-done"
    }
  }

  assert {
    condition = one(
      aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_success
    ).destination == "arn:aws:sqs:us-east-1:123456789012:shop-test-done"
    error_message = "A success is not told where it was declared."
  }
}

run "tracing_reservation_and_key_are_passed_on" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    xray_tracing         = true
    reserved_concurrency = 4
    kms_key_arn          = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    layers               = ["arn:aws:lambda:us-east-1:123456789012:layer:collector:1"]
    architecture         = "arm64"
  }

  assert {
    condition = (
      aws_lambda_function.this.tracing_config[0].mode == "Active" &&
      aws_lambda_function.this.reserved_concurrent_executions == 4 &&
      aws_lambda_function.this.layers == tolist(["arn:aws:lambda:us-east-1:123456789012:layer:collector:1"]) &&
      aws_lambda_function.this.architectures == tolist(["arm64"])
    )
    error_message = "Tracing, concurrency, layers or architecture differ."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "Environment variables or logs are not encrypted with the key."
  }
}

run "a_missing_zip_is_refused" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    zip = "./tests/no-such.zip"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_version_that_does_not_exist_is_refused" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    held_version = "8"
  }

  expect_failures = [aws_lambda_alias.live]
}

run "a_version_that_exists_is_kept" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    held_version = "6"
  }

  assert {
    condition = aws_lambda_alias.live.function_version == "6" && alltrue([
      for mapping in aws_lambda_event_source_mapping.this : mapping.function_name == aws_lambda_alias.live.arn
    ])
    error_message = "The alias is at another version than the one to stay at, or mappings go around it."
  }
}

run "a_url_is_that_of_the_alias_and_asks_for_a_signature" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    url_authorization = "iam"
  }

  assert {
    condition = (
      aws_lambda_function_url.this[0].qualifier == "live" &&
      aws_lambda_function_url.this[0].function_name == "shop-test-refunds" &&
      aws_lambda_function_url.this[0].authorization_type == "AWS_IAM"
    )
    error_message = "The URL invokes something else than the alias, or everyone may call it."
  }

  assert {
    condition     = output.url == aws_lambda_function_url.this[0].function_url
    error_message = "The output is not the URL."
  }
}

run "without_a_declared_url_there_is_none" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition     = length(aws_lambda_function_url.this) == 0 && output.url == null
    error_message = "A function that declares no URL has one."
  }
}
