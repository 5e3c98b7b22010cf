# Whatever the topology declares is watched. What is expected follows from the declaration, not from
# alarms*.tf.

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
      flatten([
        for name, function in var.functions : [
          for metric in ["Errors", "Throttles", "Duration"] : "${metric} shop-test-${name} shop-test-${name}:live"
        ]
      ]),
      [
        for alarm in aws_cloudwatch_metric_alarm.this :
        "${alarm.metric_name} ${try(alarm.dimensions.FunctionName, "-")} ${try(alarm.dimensions.Resource, "-")}"
        if alarm.namespace == "AWS/Lambda"
      ],
    )) == 0
    error_message = "A function has no alarm on Errors, Throttles or Duration of its alias."
  }

  # A partial failure is no error at Lambda: the toolkit's own counts tell.
  assert {
    condition = length(setsubtract(
      flatten([for name, function in var.functions : [for metric in ["DeadLettered", "Held", "Failed"] : "${metric} shop-test-${name}"]]),
      [
        for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.function}"
        if alarm.namespace == var.metrics_namespace && can(alarm.dimensions.function)
      ],
    )) == 0
    error_message = "A function has no alarm on DeadLettered, Held or Failed."
  }

  # A projection parks aggregates, whether a table's stream feeds it or messages do.
  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.function if alarm.metric_name == "Parked"
    ]) == toset(["shop-test-ledger", "shop-test-order-projection"])
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
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.Resource if alarm.metric_name == "IteratorAge"
      ]) == toset(flatten([
        for name, function in var.functions : [for source in function.sources : "shop-test-${name}:live" if source.queue == null]
    ]))
    error_message = "A function that reads a stream has no alarm on its age, or one that reads none has."
  }

  assert {
    condition = alltrue(flatten([for name, function in var.functions : [for source in function.sources :
      aws_cloudwatch_metric_alarm.this["function-${name}-iterator-age"].threshold <= 250 * min(
        source.maximum_record_age_seconds, try(source.dead_letter_after_seconds + 0, source.maximum_record_age_seconds)
      ) &&
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
    condition = toset([
      for key, alarm in aws_cloudwatch_metric_alarm.this :
      jsonencode([for query in alarm.metric_query : query.metric[0].dimensions if length(query.metric) > 0])
      if strcontains(key, "-stalled-")
      ]) == toset(flatten([
        for name, function in var.functions : [for source in function.sources : jsonencode([
          { FunctionName = "shop-test-${name}", Resource = "shop-test-${name}:live" },
          {
            for dimension, written in { StreamName = source.stream, TableName = source.table } :
            dimension => "shop-test-${written}"
            if written != null
          },
        ]) if source.queue == null]
    ]))
    error_message = "A mapping of a stream is not watched by what is written and what is invoked."
  }

  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      toset([
        for query in alarm.metric_query : query.expression if query.return_data == true
      ]) == toset(["IF(FILL(written, 0) > 0 AND FILL(invoked, 0) == 0, 1, 0)"]) &&
      toset([for query in alarm.metric_query : query.id if length(query.metric) > 0]) == toset(["invoked", "written"]) &&
      alltrue([
        for query in alarm.metric_query : query.metric[0].stat == "Sum" && query.metric[0].period == 900
        if length(query.metric) > 0
      ]) &&
      alarm.threshold == 0 && alarm.metric_name == null && alarm.period == null
      if strcontains(key, "-stalled-")
    ])
    error_message = "The alarm is not about quarters of an hour with writes and without an invocation."
  }

  # However little is written: two such quarters are enough, wherever they are in the time until the
  # first record is given up.
  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : key => [alarm.datapoints_to_alarm, alarm.evaluation_periods]
      if strcontains(key, "-stalled-")
      } == {
      function-order-processor-stalled-orders       = [2, 24]
      function-event-publisher-stalled-event-store  = [2, 48]
      function-order-projection-stalled-event-store = [2, 48]
    }
    error_message = "A mapping that stalls at low traffic is not noticed."
  }

  assert {
    condition = alltrue(flatten([for key, alarm in aws_cloudwatch_metric_alarm.this : [
      for query in alarm.metric_query : strcontains(key, "-letters-expire") ||
      query.metric[0].metric_name == {
        FunctionName = "Invocations", StreamName = "IncomingRecords", TableName = "ConsumedWriteCapacityUnits"
      }[keys(query.metric[0].dimensions)[0]] if length(query.metric) > 0 && !strcontains(key, "-letters-expire")
    ]]))
    error_message = "Something else than writes and invocations is counted."
  }
}

run "mail_that_comes_back_is_noticed_where_mail_is_sent" {
  command = plan

  assert {
    condition = {
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name => [alarm.statistic, alarm.period, alarm.threshold]
      if alarm.namespace == "AWS/SES"
      } == {
      "Reputation.BounceRate"    = ["Maximum", 3600, 0.05]
      "Reputation.ComplaintRate" = ["Maximum", 3600, 0.001]
    }
    error_message = "SES would stop this account's mail unannounced."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : length(coalesce(alarm.dimensions, {})) == 0
      if alarm.namespace == "AWS/SES"
    ])
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
        [
          for function in var.functions : function.uses.DEAD_LETTER_QUEUE_URL.queue
          if contains(keys(function.uses), "DEAD_LETTER_QUEUE_URL")
        ],
      )) : "shop-test-${queue}"],
      [
        for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.QueueName
        if alarm.metric_name == "ApproximateNumberOfMessagesVisible" &&
        alarm.statistic == "Maximum" &&
        alarm.threshold == 0 &&
        alarm.evaluation_periods == 1
      ],
    )) == 0
    error_message = "A queue for dead letters has no alarm on its first letter."
  }

  assert {
    condition = jsonencode(sort(concat(
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.QueueName if alarm.metric_name == "ApproximateAgeOfOldestMessage"],
      distinct(flatten([
        for key, alarm in aws_cloudwatch_metric_alarm.this : [
          for query in alarm.metric_query : query.metric[0].dimensions.QueueName if length(query.metric) > 0
        ] if strcontains(key, "-letters-expire")
      ])),
      ))) == jsonencode(sort([
      for name, queue in var.queues : "shop-test-${name}${queue.fifo ? ".fifo" : ""}"
    ]))
    error_message = "A queue has no alarm on how long something waits in it."
  }

  # SQS counts a message no more for the age that was received more than three times, as letters are
  # that somebody listed. Whoever lists letters hides them, which must not end the hours in which
  # the queue was not empty.
  assert {
    condition = alltrue([for name in local.dead_letter_queues :
      toset([
        for query in aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].metric_query :
        join(" ", [for metric in query.metric : "${metric.metric_name} ${metric.stat} ${metric.period}"])
        ]) == toset([
        "", "ApproximateNumberOfMessagesVisible Average 3600", "ApproximateNumberOfMessagesNotVisible Average 3600",
      ]) &&
      contains(aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].metric_query[*].expression, "visible + hidden") &&
      aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].threshold == 0.99 &&
      3600 * aws_cloudwatch_metric_alarm.this["queue-${name}-letters-expire"].evaluation_periods <= 7 * 86400
    ])
    error_message = "A queue that is never empty is not noticed, or CloudWatch refuses the alarm, which may look at 7 days."
  }

  # Pointers into a table's stream, which keeps records for 24 hours of which the mapping uses up to
  # 12: half of the other 12.
  assert {
    condition = aws_cloudwatch_metric_alarm.this["queue-stream-failures-letters-expire"].evaluation_periods == 6
    error_message = "The alarm about pointers comes after the stream forgot their records, or without need: ${
      aws_cloudwatch_metric_alarm.this["queue-stream-failures-letters-expire"].evaluation_periods
    } hours."
  }

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.Resource}"
      if startswith(coalesce(alarm.metric_name, "-"), "AsyncEvent")
      ]) == toset(flatten([
        for name, function in var.functions : [
          for metric in ["AsyncEventAge", "AsyncEventsDropped"] : "${metric} shop-test-${name}:live"
        ] if function.asynchronous != null
    ]))
    error_message = "A function that is invoked asynchronously has no alarm on what waits or is dropped, or another has."
  }

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.Resource
      if alarm.metric_name == "DestinationDeliveryFailures"
      ]) == toset([
      for name, function in var.functions : "shop-test-${name}:live" if function.asynchronous != null || anytrue([
        for source in function.sources : source.on_failure != null
      ])
    ])
    error_message = "A function with an on-failure destination has no alarm on losses at it, or another has."
  }
}

run "every_rule_table_and_stream_is_watched" {
  command = plan

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this :
      "${alarm.metric_name} ${alarm.dimensions.EventBusName} ${alarm.dimensions.RuleName}"
      if alarm.namespace == "AWS/Events"
      ]) == toset(flatten([
        for name, rule in var.rules : [
          for metric in ["FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"] :
          "${metric} shop-test-${rule.bus} shop-test-${name}"
        ]
    ]))
    error_message = "A rule is not watched with its bus and its name."
  }

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.TableName}"
      if alarm.namespace == "AWS/DynamoDB"
      ]) == toset(flatten([
        for name, table in var.tables : ["ReadThrottleEvents shop-test-${name}", "WriteThrottleEvents shop-test-${name}"]
    ]))
    error_message = "A table's throttling is not watched."
  }

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : "${alarm.metric_name} ${alarm.dimensions.StreamName}"
      if alarm.namespace == "AWS/Kinesis"
      ]) == toset(flatten([
        for name, stream in var.streams : [
          "ReadProvisionedThroughputExceeded shop-test-${name}", "WriteProvisionedThroughputExceeded shop-test-${name}"
        ]
    ]))
    error_message = "A stream's throttling is not watched."
  }
}

run "what_a_mapping_gives_up_is_counted_in_events" {
  command = apply

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this :
      key => [alarm.metric_name, alarm.dimensions.EventSourceMappingUUID, alarm.threshold]
      if strcontains(key, "-given-up-")
      } == {
      for key in ["order-processor-given-up-orders", "event-publisher-given-up-event-store", "order-projection-given-up-event-store"] :
      "function-${key}" => ["DroppedEventCount", "00000000-0000-0000-0000-000000000001", 0]
    }
    error_message = "A mapping gives up events, and nobody is told."
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name => alarm.threshold if endswith(key, "-memory")
    } == { for name, function in var.functions : "MemoryUsed-shop-test-${name}" => floor(0.9 * function.memory_mb) }
    error_message = "A function that nearly used its memory up is not noticed."
  }
}

run "metrics_that_are_billed_can_be_switched_off" {
  command = plan

  variables {
    detailed_metrics = false
  }

  assert {
    condition = !anytrue([
      for key in keys(aws_cloudwatch_metric_alarm.this) : strcontains(key, "-given-up-") || endswith(key, "-memory")
    ]) && local.detailed_metric_count == 0
    error_message = "There is an alarm on a metric that is not there."
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
