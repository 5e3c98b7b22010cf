# Alarms: one set per declared thing, so that what is added to the topology is watched without another word.

locals {
  # An alarm about age goes off at this share of the time after which something is given up or lost. The rest is left to repair it.
  alarm_share_of_bound = 0.25

  # Half of the time in which a dead letter can be replayed. The alarm about its queue went off long before, and somebody is told once more.
  alarm_share_of_letters = 0.5

  # Memory that is nearly all used: a somewhat larger batch ends the environment.
  alarm_share_of_memory = 0.9

  # A function works until shortly before its timeout and then reports what it did not start, so only a small share of it may be used regularly.
  alarm_share_of_timeout = 0.8

  # Environments in use that are nearly all there may be.
  alarm_share_of_concurrency = 0.9

  # What is lost, or waits for a person, is told at once. Everything else is retried: what a retry heals within a quarter of an hour is no alarm, and
  # what it never heals becomes a dead letter, which is told at once.
  #
  # Each alarm tells the page topic, the ticket topic, or its function: what keeps a function from its work has many signs, and pages
  # once for the function. What is lost, or about to be, always pages by itself.
  at_once   = { statistic = "Sum", extended_statistic = null, period = 300, periods = 1, threshold = 0, tells = "ticket" }
  sustained = { statistic = "Sum", extended_statistic = null, period = 300, periods = 3, threshold = 0, tells = "ticket" }
  maximum   = { statistic = "Maximum", extended_statistic = null, period = 300, periods = 1, tells = "ticket" }

  # An expression over several metrics, each of which has namespace, statistic and period itself.
  expression = { namespace = null, metric = null, dimensions = null, statistic = null, extended_statistic = null, period = null, tells = "ticket" }

  # Every queue that holds what could not be applied: given up by mappings, by asynchronous invocations and by rules, redriven by other queues, and
  # written by the functions themselves.
  dead_letter_queues = toset(concat(
    flatten([for function in var.functions : [for source in function.sources : source.on_failure.queue if try(source.on_failure.queue, null) != null]]),
    [for function in var.functions : function.asynchronous.on_failure.queue if try(function.asynchronous.on_failure.queue, null) != null],
    [for rule in var.rules : rule.target.dead_letter_queue],
    [for queue in var.queues : queue.redrive.queue if queue.redrive != null],
    [for function in var.functions : function.uses.DEAD_LETTER_QUEUE_URL.queue if try(function.uses.DEAD_LETTER_QUEUE_URL.queue, null) != null],
  ))

  # Every other queue is there to be read, by a function or by somebody else.
  work_queues = { for name, queue in var.queues : name => queue if !contains(local.dead_letter_queues, name) }

  # How long a dead letter can be replayed once it is in its queue: until the queue forgets it, until the stream forgets the records that it points
  # to, or, since a redriven message keeps its age, for what the two queues' retentions differ by.
  dead_letter_seconds = {
    for name in local.dead_letter_queues : name => min(concat(
      [var.queues[name].retention_seconds],
      flatten([for function in var.functions : [
        for source in function.sources :
        try(local.stream_retention_hours[source.stream] * 3600, local.table_stream_retention_seconds) - source.maximum_record_age_seconds
        if try(source.on_failure.queue == name, false)
      ]]),
      [for queue in var.queues : var.queues[name].retention_seconds - queue.retention_seconds if try(queue.redrive.queue == name, false)],
    )...)
  }

  # After how many hours without a break in which a queue held dead letters one of them is about to be lost. Not by the age of the oldest, which
  # SQS does not tell of messages that were received more than three times, and whoever lists letters receives them. CloudWatch looks at 7 days at most.
  dead_letter_hours = {
    for name, seconds in local.dead_letter_seconds : name => max(1, min(168, floor(local.alarm_share_of_letters * seconds / 3600)))
  }

  # After which age something in a queue is given up or lost.
  work_queue_seconds = {
    for name, queue in local.work_queues : name => min(concat(
      [queue.retention_seconds],
      flatten([for function in var.functions : [
        for source in function.sources : source.dead_letter_after_seconds if try(source.queue == name, false) && source.dead_letter_after_seconds != null
      ]]),
    )...)
  }

  # What counts the writes to a stream, and to a table that has one.
  written = merge(
    { for name, physical in local.names.streams : "stream ${name}" => { namespace = "AWS/Kinesis", metric = "IncomingRecords", dimensions = { StreamName = physical } } },
    { for name, physical in local.names.tables : "table ${name}" => { namespace = "AWS/DynamoDB", metric = "ConsumedWriteCapacityUnits", dimensions = { TableName = physical } } },
  )

  # Functions that read a stream, with what they read and the smallest age at which a record of it is given up, by the function or by its mapping.
  stream_readers = {
    for name, function in var.functions : name => {
      sources = distinct([for source in function.sources : source.stream != null ? source.stream : source.table if source.queue == null])
      bound_seconds = min([
        for source in function.sources : min(source.maximum_record_age_seconds, coalesce(source.dead_letter_after_seconds, source.maximum_record_age_seconds))
        if source.queue == null
      ]...)
    } if anytrue([for source in function.sources : source.queue == null])
  }

  asynchronous_functions = { for name, function in var.functions : name => function.asynchronous if function.asynchronous != null }

  # Lambda writes on failure of streams and of asynchronous invocations.
  destination_functions = setunion(keys(local.stream_readers), keys(local.asynchronous_functions))

  # What is invoked by mappings and rules is the alias, and its metrics carry both dimensions.
  function_dimensions = { for name, physical in local.names.functions : name => { FunctionName = physical, Resource = "${physical}:${local.function_alias}" } }
  rule_dimensions     = { for name, physical in local.names.rules : name => { EventBusName = local.names.buses[var.rules[name].bus], RuleName = physical } }
  log_groups          = { for name, physical in local.names.functions : name => "/aws/lambda/${physical}" }

  concurrency_limits = {
    for name, function in var.functions : name => coalesce(function.reserved_concurrency, try(var.function_overrides[name].maximum_concurrency, null), function.maximum_concurrency)
  }

  # Of the account's; -1 is none.
  reserved_concurrency = {
    for name, function in var.functions : name => var.reserve_concurrency || function.reserved_concurrency != null ? local.concurrency_limits[name] : -1
  }

  function_alarms = merge([for name, function in var.functions : {
    "function-${name}-errors" = merge(local.sustained, { tells = "function", of = name
      namespace   = "AWS/Lambda", metric = "Errors", dimensions = local.function_dimensions[name]
      description = "Invocations of ${name} fail as a whole: a timeout, too little memory, a panic at start. Records that fail one by one are not counted here. Look for the last lines before the failure in ${local.log_groups[name]}."
    })
    "function-${name}-throttles" = merge(local.sustained, { tells = "function", of = name
      namespace   = "AWS/Lambda", metric = "Throttles", dimensions = local.function_dimensions[name]
      description = "Lambda refuses to start ${name}: its own concurrency or the account's is used up. Nothing is lost yet, but age counts. Raise maximum_concurrency of ${name}, or the account's limit; a reserved_concurrency of 0 switches it off."
    })
    "function-${name}-duration" = {
      namespace   = "AWS/Lambda", metric = "Duration", dimensions = local.function_dimensions[name]
      statistic   = null, extended_statistic = "p99", period = 300, periods = 3, tells = "ticket", threshold = local.alarm_share_of_timeout * function.timeout_seconds * 1000
      description = "One invocation of ${name} in a hundred takes more than ${local.alarm_share_of_timeout * 100} % of its timeout of ${function.timeout_seconds} s. Batches that are cut off are run again. Lower batch_size or raise timeout_seconds, and look which call became slow."
    }
    "function-${name}-dead-lettered" = merge(local.at_once, {
      namespace   = var.metrics_namespace, metric = "DeadLettered", dimensions = { function = local.names.functions[name] }
      description = "${name} met deliveries that it cannot apply, and put them away with payload and reason. scripts/replay-dlq --function ${name} lists them; repair the cause, then replay with --yes."
    })
    "function-${name}-held" = merge(local.at_once, {
      namespace   = var.metrics_namespace, metric = "Held", dimensions = { function = local.names.functions[name] }
      description = "${name} holds effects of which nobody knows whether they took place. `tidegate effects ls` lists them; find out at the remote party, then `tidegate effects release`, or leave them."
    })
    "function-${name}-failed" = merge(local.sustained, {
      namespace   = var.metrics_namespace, metric = "Failed", dimensions = { function = local.names.functions[name] }
      description = "Deliveries of ${name} fail again and again and wait for redelivery. Class, code and reason are in ${local.log_groups[name]}. Usually something it depends on is down or throttled; without repair they become dead letters."
    })
  }]...)

  concurrency_alarms = {
    for name, function in var.functions : "function-${name}-concurrency" => merge(local.maximum, {
      namespace   = "AWS/Lambda", metric = "ConcurrentExecutions", dimensions = { FunctionName = local.names.functions[name] }
      periods     = 3, threshold = local.alarm_share_of_concurrency * local.concurrency_limits[name]
      description = "${name} needs nearly all of the ${local.concurrency_limits[name]} environments that are reserved for it; more work will be throttled. Raise its maximum_concurrency, here or in function_overrides, or its reserved_concurrency."
    }) if var.reserve_concurrency
  }

  # Only what reads a table's stream and keeps tables of its own can be a projection.
  projections = [
    for name, function in var.functions : name
    if anytrue([for source in function.sources : source.table != null]) && anytrue([for use in function.uses : use.table != null && use.access == "read-write"])
  ]

  parked_alarms = {
    for name in local.projections : "function-${name}-parked" => merge(local.at_once, {
      namespace   = var.metrics_namespace, metric = "Parked", dimensions = { function = local.names.functions[name] }
      description = "${name} cannot apply the next event of some aggregates, and acknowledges their later events, which wait in the event store. `tidegate parked ls` lists these aggregates. If one waits for a newer version, that version releases it. Otherwise repair the cause, then run `tidegate parked release`."
    })
  }

  stream_reader_alarms = {
    for name, reader in local.stream_readers : "function-${name}-iterator-age" => merge(local.maximum, { tells = "function", of = name
      namespace                                                                                                = "AWS/Lambda", metric = "IteratorAge", dimensions = local.function_dimensions[name]
      threshold                                                                                                = floor(local.alarm_share_of_bound * reader.bound_seconds * 1000)
      description                                                                                              = "${name} is more than ${floor(local.alarm_share_of_bound * reader.bound_seconds / 60)} minutes behind ${length(reader.sources) > 3 ? "one of its ${length(reader.sources)} streams and tables" : join(" and ", reader.sources)}; after ${floor(reader.bound_seconds / 60)} minutes records are given up. Failed and Errors on the dashboard tell whether a record holds it up, Throttles and Duration whether it is too slow."
    })
  }

  # A mapping that is off, or lost a permission, invokes nothing, so that neither errors nor age are counted. A quarter of an hour with
  # writes and without an invocation is no sign yet: what is written in its last second is invoked in the next. Two are, within the
  # time in which the first record is given up, however little is written in between. CloudWatch looks at a day at most.
  stalled_alarms = merge([for name, function in var.functions : {
    for source, mapping in function.sources : "function-${name}-stalled-${source}" => merge(local.expression, {
      # Nobody is woken for what somebody has paused.
      of         = name
      tells      = contains(keys(local.paused), "${name}.${source}") ? "ticket" : "function"
      expression = "IF(FILL(written, 0) > 0 AND FILL(invoked, 0) == 0, 1, 0)", threshold = 0
      periods    = max(2, min(96, floor(mapping.maximum_record_age_seconds / 900))), of_periods = 2
      queries = {
        written = merge(local.written[mapping.stream != null ? "stream ${mapping.stream}" : "table ${mapping.table}"], { stat = "Sum", period = 900 })
        invoked = { namespace = "AWS/Lambda", metric = "Invocations", dimensions = local.function_dimensions[name], stat = "Sum", period = 900 }
      }
      description = "${try("PAUSED (${local.paused["${name}.${source}"]}): `make resume` ends it. ", "")}${mapping.stream != null ? mapping.stream : mapping.table} is written to and ${name} was not invoked, in two quarters of an hour; what waits for ${floor(mapping.maximum_record_age_seconds / 60)} minutes is given up. The mapping is off, lost a permission, or is throttled: `aws lambda list-event-source-mappings --function-name ${local.function_dimensions[name].Resource}` shows State and LastProcessingResult.${mapping.table != null ? " Writes that their condition refused count as well; if there were no others, nothing is wrong." : ""}${length(mapping.filter_criteria) > 0 ? " Records that its filter_criteria pass over count as well; if there were no others, nothing is wrong." : ""}"
    }) if mapping.queue == null
  }]...)

  # Events, where the queue of pointers counts batches. It is a page: pointers expire with their records, which may be within hours.
  given_up_alarms = merge([for name, function in var.functions : {
    for source, mapping in function.sources : "function-${name}-given-up-${source}" => merge(local.at_once, { tells = "page"
      namespace                                                                                                     = "AWS/Lambda", metric = "DroppedEventCount", dimensions = { EventSourceMappingUUID = module.function[name].mappings[source] }
      description                                                                                                   = "The mapping of ${name} gave up events of ${source}: too old, or tried too often, so the function never handled them. Pointers to them are in its on-failure destination; replay them before the records expire: scripts/replay-dlq lists them with the time that is left."
    }) if mapping.queue == null && var.detailed_metrics
  }]...)

  # Named by the function instead of a dimension: it is made from the log, whose lines do not name their function.
  memory_metrics = { for name, physical in local.names.functions : name => { namespace = var.metrics_namespace, name = "MemoryUsed-${physical}" } }

  memory_alarms = {
    for name, function in var.functions : "function-${name}-memory" => merge(local.maximum, {
      namespace   = local.memory_metrics[name].namespace, metric = local.memory_metrics[name].name, dimensions = null
      threshold   = floor(local.alarm_share_of_memory * 1024 * local.memory_gb[name])
      description = "${name} used more than ${local.alarm_share_of_memory * 100} % of its ${1024 * local.memory_gb[name]} MB. Beyond them Lambda ends the environment, and the whole batch fails and comes again. Raise memory_mb of ${name}, here or in function_overrides, or lower its batch_size."
    }) if var.detailed_metrics
  }

  asynchronous_alarms = merge([for name, asynchronous in local.asynchronous_functions : {
    "function-${name}-async-age" = merge(local.maximum, { tells = "function", of = name
      namespace   = "AWS/Lambda", metric = "AsyncEventAge", dimensions = local.function_dimensions[name]
      threshold   = floor(local.alarm_share_of_bound * asynchronous.maximum_event_age_seconds * 1000)
      description = "Events wait more than ${floor(local.alarm_share_of_bound * asynchronous.maximum_event_age_seconds / 60)} minutes for ${name}; after ${floor(asynchronous.maximum_event_age_seconds / 60)} minutes Lambda gives them up. Look for throttles and errors of ${name}."
    })
    "function-${name}-async-dropped" = merge(local.at_once, {
      namespace   = "AWS/Lambda", metric = "AsyncEventsDropped", dimensions = local.function_dimensions[name]
      description = asynchronous.on_failure.queue == null ? "Lambda gave up events for ${name}. They went to the on_failure of its asynchronous invocation." : "Lambda gave up events for ${name}. They are in ${asynchronous.on_failure.queue}: scripts/replay-dlq --queue ${asynchronous.on_failure.queue} lists them."
    })
  }]...)

  destination_alarms = {
    for name in local.destination_functions : "function-${name}-destination-failed" => merge(local.at_once, { tells = "page"
      namespace                                                                                                     = "AWS/Lambda", metric = "DestinationDeliveryFailures", dimensions = local.function_dimensions[name]
      description                                                                                                   = "LOSS: Lambda gave up something of ${name} and could not write it to its on-failure destination. Check the role's permission for it (of a queue sqs:SendMessage) and the key's policy; what was lost can be read from the event store or the archive of the bus."
    })
  }

  # The shares at which SES reviews an account, and may stop its mail. They are the account's, whichever environment sends.
  sender_alarms = { for name, alarm in {
    bounces = merge(local.maximum, {
      namespace   = "AWS/SES", metric = "Reputation.BounceRate", dimensions = null, period = 3600, threshold = 0.05
      description = "More than 5 % of this account's mail bounces, and SES stops an account whose mail bounces for long. Look in the account dashboard of SES, and in the log of the functions that send, which addresses do not exist; stop sending to them."
    })
    complaints = merge(local.maximum, {
      namespace   = "AWS/SES", metric = "Reputation.ComplaintRate", dimensions = null, period = 3600, threshold = 0.001
      description = "More than 0.1 % of this account's mail is marked as spam, and SES stops an account about which people complain for long. Look in the account dashboard of SES which mail it is, and send it only to those who expect it."
    })
  } : "sender-${name}" => alarm if length(local.email_addresses) > 0 }

  dead_letter_alarms = merge([for name in local.dead_letter_queues : {
    "queue-${name}-letters" = merge(local.maximum, {
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = local.names.queues[name] }, threshold = 0
      description = "Dead letters wait in ${name}. scripts/replay-dlq --queue ${name} lists them with their reasons; repair the cause, then replay with --yes, within ${floor(local.dead_letter_seconds[name] / 3600)} hours of their arrival."
    })
    "queue-${name}-letters-expire" = merge(local.expression, { tells = "page"
      # Whoever lists letters hides them for a while, so both are counted. Averages can be added, minima cannot: an hour's average is 1 if
      # one letter was there for all of it.
      expression = "visible + hidden", periods = local.dead_letter_hours[name], threshold = 0.99
      queries = {
        visible = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = local.names.queues[name] }, stat = "Average", period = 3600 }
        hidden  = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", dimensions = { QueueName = local.names.queues[name] }, stat = "Average", period = 3600 }
      }
      description = "LOSS AHEAD: ${name} was never empty for ${local.dead_letter_hours[name]} hours; a dead letter in it can be replayed for ${floor(local.dead_letter_seconds[name] / 3600)}, and the oldest may have waited for all of them. scripts/replay-dlq --queue ${name} --yes replays what can be; what fails again for good leaves a letter with its payload."
    })
  }]...)

  work_queue_alarms = {
    for name, queue in local.work_queues : "queue-${name}-age" => merge(local.maximum, { tells = "page"
      namespace                                                                                = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = local.names.queues[name] }
      threshold                                                                                = floor(local.alarm_share_of_bound * local.work_queue_seconds[name])
      description                                                                              = "The oldest message in ${name} waits for more than ${floor(local.alarm_share_of_bound * local.work_queue_seconds[name] / 60)} minutes; after ${floor(local.work_queue_seconds[name] / 60)} minutes it is given up. Look for errors and throttles of the function that reads it."
    })
  }

  rule_alarms = merge([for name, rule in var.rules : {
    "rule-${name}-failed" = merge(local.at_once, {
      namespace   = "AWS/Events", metric = "FailedInvocations", dimensions = local.rule_dimensions[name]
      description = "EventBridge could not hand events of the rule ${name} to its target for good, usually because a permission or the target is missing. They are in ${rule.target.dead_letter_queue}: scripts/replay-dlq --queue ${rule.target.dead_letter_queue} lists them, ERROR_CODE tells why."
    })
    "rule-${name}-dead-lettered" = merge(local.at_once, {
      namespace   = "AWS/Events", metric = "InvocationsSentToDlq", dimensions = local.rule_dimensions[name]
      description = "Events of the rule ${name} went to ${rule.target.dead_letter_queue}. scripts/replay-dlq --queue ${rule.target.dead_letter_queue} lists them; repair the cause, then replay with --yes."
    })
    "rule-${name}-lost" = merge(local.at_once, { tells = "page"
      namespace   = "AWS/Events", metric = "InvocationsFailedToBeSentToDlq", dimensions = local.rule_dimensions[name]
      description = "LOSS: EventBridge could write events of the rule ${name} neither to their target nor to ${rule.target.dead_letter_queue}. Check the queue's policy for events.amazonaws.com and the key's; then replay the archive of the bus from when this began."
    })
  }]...)

  # SystemErrors and ThrottledRequests are counted per operation: an alarm would be an expression over each of them. Both end as Failed of a function.
  table_alarms = merge([for name, table in var.tables : {
    for way in ["Read", "Write"] : "table-${name}-${lower(way)}s-throttled" => merge(local.sustained, {
      namespace   = "AWS/DynamoDB", metric = "${way}ThrottleEvents", dimensions = { TableName = local.names.tables[name] }
      description = "DynamoDB throttles ${lower(way)}s of ${name}. A table on demand takes twice its former peak at once, and one key 1000 writes and 3000 reads per second: look for a hot key, or for a load that grew by steps."
    })
  }]...)

  stream_alarms = merge([for name, stream in var.streams : {
    "stream-${name}-writes-throttled" = merge(local.sustained, {
      namespace   = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = local.names.streams[name] }
      description = "Producers write more to ${name} than its shards take (1 MB and 1000 records per second each), and must retry. Raise stream_shards for ${name}; if one partition key is the cause, that does not help."
    })
    "stream-${name}-reads-throttled" = merge(local.sustained, {
      namespace   = "AWS/Kinesis", metric = "ReadProvisionedThroughputExceeded", dimensions = { StreamName = local.names.streams[name] }
      description = "Readers of ${name} ask for more than its shards give (2 MB and 5 calls per second each, shared by all readers, a running replay included). Wait for the replay, or raise stream_shards for ${name}."
    })
  }]...)

  alarms = merge(
    local.function_alarms, local.concurrency_alarms, local.parked_alarms, local.stream_reader_alarms, local.stalled_alarms,
    local.given_up_alarms, local.memory_alarms, local.asynchronous_alarms,
    local.destination_alarms, local.sender_alarms, local.dead_letter_alarms, local.work_queue_alarms, local.rule_alarms, local.table_alarms,
    local.stream_alarms,
  )

  alarm_count = length(local.alarms)

  # What AWS bills: each metric that an alarm watches.
  alarm_metric_count = sum([for alarm in local.alarms : max(1, length(try(alarm.queries, {})))])

  alarm_names = { for key, alarm in local.alarms : key => "${var.name_prefix}${key}" }
  alarm_arns  = { for key, name in local.alarm_names : key => "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${name}" }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = local.alarm_names[each.key]
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended_statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = try(each.value.of_periods, null)
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"

  dynamic "metric_query" {
    for_each = try(each.value.queries, {})

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = metric_query.value.period
      }
    }
  }

  dynamic "metric_query" {
    for_each = try([each.value.expression], [])

    content {
      id          = "alarm"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }

  # No data is the normal case: most of these metrics are written only when something happens.
  treat_missing_data = "notBreaching"
  alarm_actions      = lookup(local.topics_told, each.value.tells, [])
  ok_actions         = lookup(local.topics_told, each.value.tells, [])
}
