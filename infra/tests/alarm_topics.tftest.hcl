# Each alarm tells the right people, and says what to do.

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
}

run "every_alarm_tells_somebody_what_to_do" {
  command = apply

  variables {
    alarm_email_addresses = ["oncall@example.com", "team@example.com"]
    customer_managed_key  = true
    reserve_concurrency   = true
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.ok_actions == alarm.alarm_actions &&
      alarm.treat_missing_data == "notBreaching" &&
      !contains([alarm.actions_enabled], false)
    ])
    error_message = "An alarm goes off without data, or nobody is told of its end."
  }

  # By itself, or through the one alarm of its function.
  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      (length(coalesce(alarm.alarm_actions, [])) == 1) != anytrue([
        for function in aws_cloudwatch_composite_alarm.function :
        strcontains(function.alarm_rule, "ALARM(\"${alarm.alarm_name}\")")
      ])
    ])
    error_message = "Nobody is told of an alarm, or twice: ${join(", ", [
      for key, alarm in aws_cloudwatch_metric_alarm.this : key if length(coalesce(alarm.alarm_actions, [])) == 0
    ])}."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_composite_alarm.function :
      alarm.alarm_actions == toset([aws_sns_topic.alarms["page"].arn]) && alarm.ok_actions == alarm.alarm_actions
    ])
    error_message = "A function that does not do its work wakes nobody."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      startswith(alarm.alarm_name, "shop-test-") &&
      length(alarm.alarm_description) > 80 &&
      length(alarm.alarm_description) <= 1024
    ])
    error_message = "An alarm has no prefix, or does not say what it means and what to do."
  }

  assert {
    condition = alltrue([for name, function in var.functions :
      aws_cloudwatch_metric_alarm.this["function-${name}-concurrency"].dimensions == tomap({ FunctionName = "shop-test-${name}" }) &&
      aws_cloudwatch_metric_alarm.this["function-${name}-concurrency"].threshold < function.maximum_concurrency
    ])
    error_message = "Concurrency is reserved and not watched."
  }

  assert {
    condition     = local.alarm_count == length(aws_cloudwatch_metric_alarm.this)
    error_message = "The number of alarms is wrong."
  }

  assert {
    condition = local.alarm_metric_count == sum([
      for alarm in aws_cloudwatch_metric_alarm.this :
      length(alarm.metric_query) == 0 ? 1 : length([for query in alarm.metric_query : query if length(query.metric) > 0])
    ])
    error_message = "AWS bills each metric of an alarm, and the cost counts another number."
  }

  assert {
    condition = toset([
      for subscription in aws_sns_topic_subscription.alarms : "${subscription.protocol} ${subscription.endpoint}"
    ]) == toset(["email oncall@example.com", "email team@example.com"]) && length(aws_sns_topic_subscription.alarms) == 4
    error_message = "Not everybody is told, by both topics."
  }

  assert {
    condition     = alltrue([for topic in aws_sns_topic.alarms : topic.kms_master_key_id == local.kms_key_arn]) && local.kms_key_arn != null
    error_message = "A topic is not encrypted with the environment's key."
  }
}

# A page wakes somebody; a ticket waits for the working day.
run "what_is_lost_pages_and_what_waits_for_a_person_does_not" {
  command = apply

  assert {
    condition = toset([
      for key, alarm in aws_cloudwatch_metric_alarm.this : key
      if alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:page"])
      ]) == toset(concat(
      [
        for key in keys(aws_cloudwatch_metric_alarm.this) : key
        if endswith(key, "-destination-failed") ||
        endswith(key, "-lost") ||
        endswith(key, "-letters-expire") ||
        strcontains(key, "-given-up-") ||
        (startswith(key, "queue-") && endswith(key, "-age"))
      ],
    ))
    error_message = "Something is lost and nobody is woken, or the other way round."
  }

  assert {
    condition = alltrue([
      for sign in ["errors", "throttles", "iterator-age", "stalled-orders"] :
      strcontains(
        aws_cloudwatch_composite_alarm.function["order-processor"].alarm_rule,
        "ALARM(\"shop-test-function-order-processor-${sign}\")",
      )
    ])
    error_message = "A sign that a function does not do its work pages nobody."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_composite_alarm.function["notification"].alarm_rule, "function-notification-async-age")
    error_message = "A function that is invoked asynchronously falls behind, and nobody is paged."
  }

  # Topics of the account: nothing of its own is made.
  variables {
    page_topic_arn   = "arn:aws:sns:us-east-1:123456789012:page"
    ticket_topic_arn = "arn:aws:sns:us-east-1:123456789012:ticket"
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.alarm_topics == { page = var.page_topic_arn, ticket = var.ticket_topic_arn }
    error_message = "There are topics that nobody asked for."
  }

  assert {
    condition = alltrue([
      for key, alarm in aws_cloudwatch_metric_alarm.this :
      setunion(coalesce(alarm.alarm_actions, []), [
        var.page_topic_arn, var.ticket_topic_arn
      ]) == toset([var.page_topic_arn, var.ticket_topic_arn])
    ])
    error_message = "An alarm tells another topic than those that were given."
  }
}

run "data_worth_protecting_is_worth_an_alarm" {
  command = plan

  variables {
    deletion_protection = true
  }

  expect_failures = [check.alarms_reach_somebody]
}

run "alarms_of_this_account_alone_may_publish" {
  command = plan

  assert {
    condition = jsondecode(aws_sns_topic.alarms["page"].policy).Statement == [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:us-east-1:123456789012:shop-test-alarms-page"
        Condition = {
          StringEquals = { "aws:SourceAccount" = "123456789012" }
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:shop-test-*" }
        }
      },
      {
        Sid       = "OnlyEncryptedConnections"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:us-east-1:123456789012:shop-test-alarms-page"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
    error_message = "The topic's policy allows more, or less."
  }

  # SNS's own key would silence every alarm.
  assert {
    condition     = alltrue([for topic in aws_sns_topic.alarms : topic.kms_master_key_id == null])
    error_message = "A topic has a key that alarms cannot use."
  }
}

# CloudWatch watches 100 alarms in one composite alarm, and each source of a function has one.
run "a_function_has_at_most_as_many_signs_as_one_alarm_watches" {
  command = plan

  variables {
    detailed_metrics = false
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, {
      maximum_concurrency = 1000
      sources             = { for number in range(99) : "orders-${number}" => var.functions.order-processor.sources.orders }
    }) })
  }

  expect_failures = [aws_cloudwatch_composite_alarm.function]
}

# The names of their alarms begin alike.
run "a_function_is_not_paged_for_by_the_signs_of_another" {
  command = plan

  variables {
    detailed_metrics = false
    functions        = merge(var.functions, { order = { memory_mb = 128, timeout_seconds = 10 } })
  }

  assert {
    condition     = toset(local.function_signs.order) == toset(["function-order-errors", "function-order-throttles"])
    error_message = "It pages for ${join(", ", local.function_signs.order)}."
  }
}
