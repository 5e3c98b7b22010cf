# Whatever the topology declares is watched, and shown on the dashboard. What is expected is derived from the declaration, not from observability.tf.

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

run "every_function_is_watched" {
  command = plan

  assert {
    condition = length(setsubtract(
      flatten([for name, function in var.functions : [for metric in ["Errors", "Throttles", "Duration"] : "${metric} shop-test-${name} shop-test-${name}:live"]]),
      [for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${try(alarm.dimensions.FunctionName, "-")} ${try(alarm.dimensions.Resource, "-")}" if alarm.namespace == "AWS/Lambda"],
    )) == 0
    error_message = "A function has no alarm on Errors, Throttles or Duration of its alias."
  }

  # A partial failure is no error at Lambda: the toolkit's own counts tell.
  assert {
    condition = length(setsubtract(
      flatten([for name, function in var.functions : [for metric in ["DeadLettered", "Held", "Failed"] : "${metric} shop-test-${name}"]]),
      [for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.function}" if alarm.namespace == var.metrics_namespace && can(alarm.dimensions.function)],
    )) == 0
    error_message = "A function has no alarm on DeadLettered, Held or Failed."
  }

  # Only a function that keeps tables from a table's stream parks aggregates.
  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.function if alarm.metric_name == "Parked"]) == toset([
      for name, function in var.functions : "shop-test-${name}"
      if anytrue([for source in function.sources : source.table != null]) && anytrue([for use in function.uses : use.table != null && use.access == "read-write"])
    ])
    error_message = "A projection has no alarm on Parked, or a function that is none has one."
  }

  assert {
    condition = alltrue([for name, function in var.functions :
      aws_cloudwatch_metric_alarm.this["function-${name}-duration"].extended_statistic == "p99" &&
      aws_cloudwatch_metric_alarm.this["function-${name}-duration"].threshold < function.timeout_seconds * 1000 &&
      aws_cloudwatch_metric_alarm.this["function-${name}-duration"].threshold >= 800 * function.timeout_seconds
    ])
    error_message = "An alarm on duration is not near the function's timeout."
  }

  assert {
    condition     = length([for alarm in aws_cloudwatch_metric_alarm.this : alarm if alarm.metric_name == "ConcurrentExecutions"]) == 0
    error_message = "Concurrency is watched though none is reserved."
  }
}

run "every_stream_mapping_is_watched_below_its_bounds" {
  command = plan

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.Resource if alarm.metric_name == "IteratorAge"]) == toset(flatten([
      for name, function in var.functions : [for source in function.sources : "shop-test-${name}:live" if source.queue == null]
    ]))
    error_message = "A function that reads a stream has no alarm on its age, or one that reads none has."
  }

  assert {
    condition = alltrue(flatten([for name, function in var.functions : [for source in function.sources :
      aws_cloudwatch_metric_alarm.this["function-${name}-iterator-age"].threshold <= 250 * min(source.maximum_record_age_seconds, try(source.dead_letter_after_seconds + 0, source.maximum_record_age_seconds)) &&
      aws_cloudwatch_metric_alarm.this["function-${name}-iterator-age"].threshold >= 60000
      if source.queue == null
    ]]))
    error_message = "An alarm on age leaves less than three quarters of the time to repair."
  }
}

# A mapping that does not run has neither errors nor an age.
run "a_mapping_that_invokes_nothing_is_noticed" {
  command = plan

  assert {
    condition = toset([for key, alarm in aws_cloudwatch_metric_alarm.this : jsonencode([for query in alarm.metric_query : query.metric[0].dimensions if length(query.metric) > 0]) if strcontains(key, "-stalled-")]) == toset(flatten([
      for name, function in var.functions : [for source in function.sources : jsonencode([
        { FunctionName = "shop-test-${name}", Resource = "shop-test-${name}:live" },
        { for dimension, written in { StreamName = source.stream, TableName = source.table } : dimension => "shop-test-${written}" if written != null },
      ]) if source.queue == null]
    ]))
    error_message = "A mapping of a stream is not watched by what is written and what is invoked."
  }

  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      toset([for query in alarm.metric_query : query.expression if query.return_data == true]) == toset(["IF(FILL(written, 0) > 0 AND FILL(invoked, 0) == 0, 1, 0)"]) &&
      toset([for query in alarm.metric_query : query.id if length(query.metric) > 0]) == toset(["invoked", "written"]) &&
      alltrue([for query in alarm.metric_query : query.metric[0].stat == "Sum" && query.metric[0].period == 900 if length(query.metric) > 0]) &&
      alarm.threshold == 0 && alarm.metric_name == null && alarm.period == null
      if strcontains(key, "-stalled-")
    ])
    error_message = "The alarm is not about quarters of an hour with writes and without an invocation."
  }

  # However little is written: two such quarters are enough, wherever they are in the time until the first record is given up.
  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => [alarm.datapoints_to_alarm, alarm.evaluation_periods] if strcontains(key, "-stalled-") } == {
      function-order-processor-stalled-orders       = [2, 24]
      function-event-publisher-stalled-event-store  = [2, 48]
      function-order-projection-stalled-event-store = [2, 48]
    }
    error_message = "A mapping that stalls at low traffic is not noticed."
  }

  assert {
    condition = alltrue(flatten([for key, alarm in aws_cloudwatch_metric_alarm.this : [for query in alarm.metric_query : strcontains(key, "-letters-expire") ||
      query.metric[0].metric_name == { FunctionName = "Invocations", StreamName = "IncomingRecords", TableName = "ConsumedWriteCapacityUnits" }[keys(query.metric[0].dimensions)[0]] if length(query.metric) > 0 && !strcontains(key, "-letters-expire")
    ]]))
    error_message = "Something else than writes and invocations is counted."
  }
}

run "mail_that_comes_back_is_noticed_where_mail_is_sent" {
  command = plan

  assert {
    condition = { for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name => [alarm.statistic, alarm.period, alarm.threshold] if alarm.namespace == "AWS/SES" } == {
      "Reputation.BounceRate"    = ["Maximum", 3600, 0.05]
      "Reputation.ComplaintRate" = ["Maximum", 3600, 0.001]
    }
    error_message = "SES would stop this account's mail unannounced."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(coalesce(alarm.dimensions, {})) == 0 if alarm.namespace == "AWS/SES"])
    error_message = "SES counts for the whole account, without dimensions."
  }
}

run "what_is_given_up_is_watched" {
  command = plan

  assert {
    condition = length(setsubtract(
      [for queue in distinct(concat(
        flatten([for function in var.functions : [for source in function.sources : source.on_failure[*].queue]]),
        flatten([for function in var.functions : function.asynchronous[*].on_failure.queue]),
        [for rule in var.rules : rule.target.dead_letter_queue],
        flatten([for queue in var.queues : queue.redrive[*].queue]),
        [for function in var.functions : function.uses.DEAD_LETTER_QUEUE_URL.queue if contains(keys(function.uses), "DEAD_LETTER_QUEUE_URL")],
      )) : "shop-test-${queue}"],
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.QueueName if alarm.metric_name == "ApproximateNumberOfMessagesVisible" && alarm.statistic == "Maximum" && alarm.threshold == 0 && alarm.evaluation_periods == 1],
    )) == 0
    error_message = "A queue for dead letters has no alarm on its first letter."
  }

  assert {
    condition = jsonencode(sort(concat(
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.QueueName if alarm.metric_name == "ApproximateAgeOfOldestMessage"],
      distinct(flatten([for key, alarm in aws_cloudwatch_metric_alarm.this : [for query in alarm.metric_query : query.metric[0].dimensions.QueueName if length(query.metric) > 0] if strcontains(key, "-letters-expire")])),
      ))) == jsonencode(sort([
      for name, queue in var.queues : "shop-test-${name}${queue.fifo ? ".fifo" : ""}"
    ]))
    error_message = "A queue has no alarm on how long something waits in it."
  }

  # SQS counts a message no more for the age that was received more than three times, as letters are that somebody listed. Whoever lists
  # letters hides them, which must not end the hours in which the queue was not empty.
  assert {
    condition = alltrue([for name in local.dead_letter_queues :
      toset([for query in aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].metric_query : join(" ", [for metric in query.metric : "${metric.metric_name} ${metric.stat} ${metric.period}"])]) == toset([
        "", "ApproximateNumberOfMessagesVisible Average 3600", "ApproximateNumberOfMessagesNotVisible Average 3600",
      ]) &&
      contains(aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].metric_query[*].expression, "visible + hidden") &&
      aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].threshold == 0.99 &&
      3600 * aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].evaluation_periods <= 7 * 86400
    ])
    error_message = "A queue that is never empty is not noticed, or CloudWatch refuses the alarm, which may look at 7 days."
  }

  # Pointers into a table's stream, which keeps records for 24 hours of which the mapping uses up to 12: half of the other 12.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-stream-failures-letters-expire"].evaluation_periods == 6
    error_message = "The alarm about pointers comes after the stream forgot their records, or without need: ${aws_cloudwatch_metric_alarm.this["queue-stream-failures-letters-expire"].evaluation_periods} hours."
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.Resource}" if startswith(coalesce(alarm.metric_name, "-"), "AsyncEvent")]) == toset(flatten([
      for name, function in var.functions : [for metric in ["AsyncEventAge", "AsyncEventsDropped"] : "${metric} shop-test-${name}:live"] if function.asynchronous != null
    ]))
    error_message = "A function that is invoked asynchronously has no alarm on what waits or is dropped, or another has."
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.Resource if alarm.metric_name == "DestinationDeliveryFailures"]) == toset([
      for name, function in var.functions : "shop-test-${name}:live" if function.asynchronous != null || anytrue([for source in function.sources : source.on_failure != null])
    ])
    error_message = "A function with an on-failure destination has no alarm on losses at it, or another has."
  }
}

run "every_rule_table_and_stream_is_watched" {
  command = plan

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.EventBusName} ${alarm.dimensions.RuleName}" if alarm.namespace == "AWS/Events"]) == toset(flatten([
      for name, rule in var.rules : [for metric in ["FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"] : "${metric} shop-test-${rule.bus} shop-test-${name}"]
    ]))
    error_message = "A rule is not watched with its bus and its name."
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.TableName}" if alarm.namespace == "AWS/DynamoDB"]) == toset(flatten([
      for name, table in var.tables : ["ReadThrottleEvents shop-test-${name}", "WriteThrottleEvents shop-test-${name}"]
    ]))
    error_message = "A table's throttling is not watched."
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.StreamName}" if alarm.namespace == "AWS/Kinesis"]) == toset(flatten([
      for name, stream in var.streams : ["ReadProvisionedThroughputExceeded shop-test-${name}", "WriteProvisionedThroughputExceeded shop-test-${name}"]
    ]))
    error_message = "A stream's throttling is not watched."
  }
}

run "every_alarm_tells_somebody_what_to_do" {
  command = apply

  variables {
    alarm_email_addresses = ["oncall@example.com", "team@example.com"]
    customer_managed_key  = true
    reserve_concurrency   = true
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.ok_actions == alarm.alarm_actions && alarm.treat_missing_data == "notBreaching" && !contains([alarm.actions_enabled], false)])
    error_message = "An alarm goes off without data, or nobody is told of its end."
  }

  # By itself, or through the one alarm of its function.
  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      (length(coalesce(alarm.alarm_actions, [])) == 1) != anytrue([for function in aws_cloudwatch_composite_alarm.function : strcontains(function.alarm_rule, "ALARM(\"${alarm.alarm_name}\")")])
    ])
    error_message = "Nobody is told of an alarm, or twice: ${join(", ", [for key, alarm in aws_cloudwatch_metric_alarm.this : key if length(coalesce(alarm.alarm_actions, [])) == 0])}."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_composite_alarm.function : alarm.alarm_actions == toset([aws_sns_topic.alarms["page"].arn]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "A function that does not do its work wakes nobody."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : startswith(alarm.alarm_name, "shop-test-") && length(alarm.alarm_description) > 80 && length(alarm.alarm_description) <= 1024])
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
    condition     = local.alarm_metric_count == sum([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.metric_query) == 0 ? 1 : length([for query in alarm.metric_query : query if length(query.metric) > 0])])
    error_message = "AWS bills each metric of an alarm, and the cost counts another number."
  }

  assert {
    condition     = toset([for subscription in aws_sns_topic_subscription.alarms : "${subscription.protocol} ${subscription.endpoint}"]) == toset(["email oncall@example.com", "email team@example.com"]) && length(aws_sns_topic_subscription.alarms) == 4
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
    condition = toset([for key, alarm in aws_cloudwatch_metric_alarm.this : key if alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:page"])]) == toset(concat(
      [for key in keys(aws_cloudwatch_metric_alarm.this) : key if endswith(key, "-destination-failed") || endswith(key, "-lost") || endswith(key, "-letters-expire") || strcontains(key, "-given-up-")],
    ))
    error_message = "Something is lost and nobody is woken, or the other way round."
  }

  assert {
    condition     = alltrue([for sign in ["errors", "throttles", "iterator-age", "stalled-orders"] : strcontains(aws_cloudwatch_composite_alarm.function["order-processor"].alarm_rule, "ALARM(\"shop-test-function-order-processor-${sign}\")")])
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
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : setunion(coalesce(alarm.alarm_actions, []), [var.page_topic_arn, var.ticket_topic_arn]) == toset([var.page_topic_arn, var.ticket_topic_arn])])
    error_message = "An alarm tells another topic than those that were given."
  }
}

run "what_a_mapping_gives_up_is_counted_in_events" {
  command = apply

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => [alarm.metric_name, alarm.dimensions.EventSourceMappingUUID, alarm.threshold] if strcontains(key, "-given-up-") } == {
      for key in ["order-processor-given-up-orders", "event-publisher-given-up-event-store", "order-projection-given-up-event-store"] :
      "function-${key}" => ["DroppedEventCount", "00000000-0000-0000-0000-000000000001", 0]
    }
    error_message = "A mapping gives up events, and nobody is told."
  }

  assert {
    condition     = { for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name => alarm.threshold if endswith(key, "-memory") } == { for name, function in var.functions : "MemoryUsed-shop-test-${name}" => floor(0.9 * function.memory_mb) }
    error_message = "A function that nearly used its memory up is not noticed."
  }
}

run "metrics_that_are_billed_can_be_switched_off" {
  command = plan

  variables {
    detailed_metrics = false
  }

  assert {
    condition     = !anytrue([for key in keys(aws_cloudwatch_metric_alarm.this) : strcontains(key, "-given-up-") || endswith(key, "-memory")]) && local.detailed_metric_count == 0
    error_message = "There is an alarm on a metric that is not there."
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

run "the_dashboard_shows_everything" {
  command = apply

  assert {
    condition = alltrue([for section in ["Is it healthy?", "Where is it stuck?", "What does it cost?"] :
      anytrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : strcontains(widget.properties.markdown, section) if widget.type == "text"])
    ])
    error_message = "A question has no section."
  }

  assert {
    condition = length(setsubtract(
      flatten([for kind in ["functions", "queues", "streams", "tables", "rules", "buses"] : values(local.names[kind])]),
      flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for line in widget.properties.metrics : [for part in line : part if can(tostring(part))]
      ] if widget.type == "metric"]),
    )) == 0
    error_message = "Something declared is in no graph."
  }

  # Whoever is told of an alarm finds its metric in a graph.
  assert {
    condition = length(setsubtract(
      flatten([for alarm in aws_cloudwatch_metric_alarm.this : [
        for metric in concat(alarm.metric_name == null ? [] : [alarm], flatten(alarm.metric_query[*].metric)) :
        "${metric.namespace} ${metric.metric_name} ${try(metric.dimensions.FunctionName, metric.dimensions.function, metric.dimensions.QueueName, metric.dimensions.RuleName, metric.dimensions.TableName, metric.dimensions.StreamName, metric.dimensions.EventSourceMappingUUID, "of the account")}"
      ]]),
      flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for line in widget.properties.metrics : [for part in length(line) == 3 ? ["of the account"] : slice(line, 3, length(line) - 1) : "${line[0]} ${line[1]} ${part}"] if length(line) > 2 && try(line[length(line) - 1].visible, true)
      ] if widget.type == "metric"]),
    )) == 0
    error_message = "The metric of an alarm is in no graph."
  }

  assert {
    condition = toset(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.alarms if widget.type == "alarm"])) == toset([
      for alarm in aws_cloudwatch_metric_alarm.this : "arn:aws:cloudwatch:us-east-1:123456789012:alarm:${alarm.alarm_name}"
    ])
    error_message = "An alarm is not on the dashboard."
  }

  assert {
    condition = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.x + widget.width <= 24 && (widget.type != "metric" ? true : length(widget.properties.metrics) > 0)
    ])
    error_message = "A widget is outside the grid of 24 columns, or has no line."
  }

  # No two widgets overlap.
  assert {
    condition = length(distinct(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
      for x in range(widget.x, widget.x + widget.width) : [for y in range(widget.y, widget.y + widget.height) : "${x} ${y}"]
    ]]))) == sum([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.width * widget.height])
    error_message = "Two widgets overlap."
  }
}

run "an_expression_names_only_what_its_graph_has" {
  command = apply

  assert {
    condition = alltrue(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
      for line in widget.properties.metrics : [
        for id in regexall("[a-z][a-z_]*_?[0-9]*", line[0].expression) : contains([for other in widget.properties.metrics : try(element(other, length(other) - 1).id, "")], id)
      ] if can(line[0].expression)
    ] if widget.type == "metric"]))
    error_message = "An expression refers to an id that its graph does not have; CloudWatch would show nothing."
  }
}

run "a_cost_is_usage_times_price" {
  command = plan

  variables {
    architecture       = "arm64"
    function_overrides = { notification = { memory_mb = 512 } }
  }

  # One invocation of one second with half a gigabyte, at the prices of the file.
  assert {
    condition = anytrue([for expression in local.lambda_expressions :
      abs(
        sum([for factor in regexall("0[.][0-9]+", expression.expression) : tonumber(factor)]) -
        (jsondecode(file("./prices.json")).prices.lambda_requests.usd / 1000000 + 0.5 * jsondecode(file("./prices.json")).prices.lambda_gb_seconds_arm64.usd / 1000000 / 1000)
      ) < 0.00000000001
      if expression.name == "notification"
    ])
    error_message = "The expression of a function is not its requests and gigabyte-milliseconds times their prices."
  }
}

run "what_is_added_to_the_topology_is_watched_and_shown" {
  command = apply

  variables {
    streams = merge(var.streams, { activity = { shards = 1, retention_hours = 48 } })
    queues = merge(var.queues, {
      refunds         = { retention_seconds = 345600, visibility_timeout_seconds = 120, redrive = { queue = "refund-failures", maximum_receives = 5 } }
      refund-failures = { retention_seconds = 1209600 }
    })
    functions = merge(var.functions, {
      refunds = {
        memory_mb           = 128
        timeout_seconds     = 20
        maximum_concurrency = 6
        uses                = { DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" } }
        sources = {
          refunds  = { queue = "refunds", batch_size = 10, report_batch_item_failures = true, dead_letter_after_seconds = 36000, maximum_concurrency = 4 }
          orders   = { stream = "orders", batch_size = 100, starting_position = "TRIM_HORIZON", maximum_retry_attempts = 1000, maximum_record_age_seconds = 14400, dead_letter_after_seconds = 14000, on_failure = { queue = "stream-failures" } }
          activity = { stream = "activity", batch_size = 100, starting_position = "TRIM_HORIZON", maximum_retry_attempts = 1000, maximum_record_age_seconds = 28800, dead_letter_after_seconds = 7200, on_failure = { queue = "stream-failures" } }
        }
      }
    })
  }

  assert {
    condition     = length([for key, alarm in aws_cloudwatch_metric_alarm.this : key if strcontains(key, "refund")]) == 16
    error_message = "The function has not thirteen alarms more, its queue one and the dead-letter queue two: ${join(", ", [for key, alarm in aws_cloudwatch_metric_alarm.this : key if strcontains(key, "refund")])}."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-refunds-age"].threshold == 9000 && aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters"].threshold == 0
    error_message = "The alarm on age is not at a quarter of the smallest bound, or a redrive's queue is taken for one with work."
  }

  # A redriven message keeps its age: 14 days less the 4 that it may have used.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters-expire"].evaluation_periods == 5 * 24
    error_message = "The age that a letter brings along is not counted."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["function-refunds-iterator-age"].threshold == 1800000
    error_message = "The alarm on age is not at a quarter of the smallest bound of two streams: ${aws_cloudwatch_metric_alarm.this["function-refunds-iterator-age"].threshold} ms."
  }

  assert {
    condition     = alltrue([for name in ["shop-test-refunds", "shop-test-refund-failures"] : strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"QueueName\",\"${name}\"")])
    error_message = "A queue is not on the dashboard."
  }
}

run "a_system_of_queues_alone_has_a_dashboard_too" {
  command = apply

  variables {
    streams = {}
    tables  = {}
    buckets = {}
    buses   = {}
    rules   = {}
    queues = {
      refunds         = { retention_seconds = 345600, visibility_timeout_seconds = 120, fifo = true, redrive = { queue = "refund-failures", maximum_receives = 5 } }
      refund-failures = { retention_seconds = 1209600, fifo = true }
    }
    functions = {
      refunds = { memory_mb = 128, timeout_seconds = 20, maximum_concurrency = 4, sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 4 } } }
    }
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.type != "metric" ? true : length(widget.properties.metrics) > 0])
    error_message = "A graph has no line, which CloudWatch refuses."
  }

  assert {
    condition     = !anytrue([for key in keys(aws_cloudwatch_metric_alarm.this) : startswith(key, "function-refunds-iterator-age") || startswith(key, "function-refunds-stalled")])
    error_message = "The reader of a queue has an alarm on a stream."
  }

  assert {
    condition     = !anytrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.namespace == "AWS/SES"])
    error_message = "A system that sends no mail is told of the account's."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters"].dimensions == tomap({ QueueName = "shop-test-refund-failures.fifo" })
    error_message = "The alarm names a queue that is not there."
  }
}

run "counts_are_logged_at_every_log_level" {
  command = plan

  variables {
    log_level = "WARN"
  }

  assert {
    condition     = alltrue([for name, environment in local.environments : environment.RUST_LOG == "warn"])
    error_message = "A function logs more than it was asked to."
  }

  assert {
    condition     = local.lambda_log_level == "INFO"
    error_message = "Lambda drops the counts, which have no level and are taken for INFO."
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
