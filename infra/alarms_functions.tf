# Alarms of functions: their invocations, the outcomes that the toolkit counts, and asynchronous
# events.

locals {
  # Mappings and rules invoke the alias, whose metrics have both dimensions.
  function_dimensions = {
    for name, physical in local.names.functions :
    name => { FunctionName = physical, Resource = "${physical}:${local.function_alias}" }
  }
  log_groups = { for name, physical in local.names.functions : name => "/aws/lambda/${physical}" }

  concurrency_limits = {
    for name, function in var.functions : name => coalesce(
      function.reserved_concurrency, try(var.function_overrides[name].maximum_concurrency, null), function.maximum_concurrency
    )
  }

  # Reserved from the account's concurrency; -1 reserves none.
  reserved_concurrency = {
    for name, function in var.functions :
    name => var.reserve_concurrency || function.reserved_concurrency != null ? local.concurrency_limits[name] : -1
  }

  function_alarms = merge([for name, function in var.functions : {
    "function-${name}-errors" = merge(local.sustained, {
      tells      = "function", of = name
      namespace  = "AWS/Lambda", metric = "Errors"
      dimensions = local.function_dimensions[name]
      description = join(" ", [
        "Whole invocations of ${name} fail: a timeout, too little memory, or a panic at start.",
        "Single records that fail are not counted here, unless the invocation is asynchronous.",
        "Look for the last lines before the failure in ${local.log_groups[name]}.",
      ])
    })
    "function-${name}-throttles" = merge(local.sustained, {
      tells      = "function", of = name
      namespace  = "AWS/Lambda", metric = "Throttles"
      dimensions = local.function_dimensions[name]
      description = join(" ", [
        "Lambda refuses to start ${name}: its own concurrency or the account's is used up.",
        "Nothing is lost yet, but records grow older. Raise maximum_concurrency of ${name}, or the account's limit;",
        "a reserved_concurrency of 0 switches the function off.",
      ])
    })
    "function-${name}-duration" = {
      namespace  = "AWS/Lambda", metric = "Duration"
      dimensions = local.function_dimensions[name]
      statistic  = null, extended_statistic = "p99", period = 300, periods = 3, tells = "ticket"
      threshold  = local.alarm_share_of_timeout * function.timeout_seconds * 1000
      description = join(" ", [
        "One invocation of ${name} in a hundred takes more than ${local.alarm_share_of_timeout * 100} % of its timeout",
        "of ${function.timeout_seconds} s. Lambda runs batches again that it cuts off.",
        "Lower batch_size or raise timeout_seconds, and find the call that became slow.",
      ])
    }
    "function-${name}-dead-lettered" = merge(local.at_once, {
      namespace  = var.metrics_namespace, metric = "DeadLettered"
      dimensions = { function = local.names.functions[name] }
      description = join(" ", [
        "${name} got deliveries that it cannot apply, and stored them as dead letters with payload and reason.",
        "scripts/replay-dlq --function ${name} lists them; repair the cause, then replay with --yes.",
      ])
    })
    "function-${name}-held" = merge(local.at_once, {
      namespace  = var.metrics_namespace, metric = "Held"
      dimensions = { function = local.names.functions[name] }
      description = join(" ", [
        "${name} holds effects that may or may not have taken place. `tidegate effects ls` lists them;",
        "find out at the remote party, then run `tidegate effects complete`, or `release` to run again.",
      ])
    })
    "function-${name}-failed" = merge(local.sustained, {
      namespace  = var.metrics_namespace, metric = "Failed"
      dimensions = { function = local.names.functions[name] }
      description = join(" ", [
        "Deliveries of ${name} fail again and again, and wait for redelivery.",
        "Class, code and reason are in ${local.log_groups[name]}.",
        "Usually something it depends on is down or throttled; without repair they become dead letters.",
      ])
    })
  }]...)

  concurrency_alarms = {
    for name, function in var.functions : "function-${name}-concurrency" => merge(local.maximum, {
      namespace  = "AWS/Lambda", metric = "ConcurrentExecutions"
      dimensions = { FunctionName = local.names.functions[name] }
      periods    = 3, threshold = local.alarm_share_of_concurrency * local.concurrency_limits[name]
      description = join(" ", [
        "${name} uses nearly all of the ${local.concurrency_limits[name]} execution environments that are reserved for it;",
        "Lambda will throttle more work.",
        "Raise its maximum_concurrency, here or in function_overrides, or its reserved_concurrency.",
      ])
    }) if var.reserve_concurrency
  }

  # The function's name is in the metric's name instead of a dimension: the metric comes from the
  # log, whose lines do not name their function.
  memory_metrics = {
    for name, physical in local.names.functions :
    name => { namespace = var.metrics_namespace, name = "MemoryUsed-${physical}" }
  }

  memory_alarms = {
    for name, function in var.functions : "function-${name}-memory" => merge(local.maximum, {
      namespace  = local.memory_metrics[name].namespace, metric = local.memory_metrics[name].name
      dimensions = null
      threshold  = floor(local.alarm_share_of_memory * 1024 * local.memory_gb[name])
      description = join(" ", [
        "${name} used more than ${local.alarm_share_of_memory * 100} % of its ${1024 * local.memory_gb[name]} MB.",
        "If it exceeds them, Lambda ends the execution environment, and delivers the whole batch again.",
        "Raise memory_mb of ${name}, here or in function_overrides, or lower its batch_size.",
      ])
    }) if var.detailed_metrics
  }

  # A projection reads an event store, whatever feeds it, and writes rows and counters. Their tables
  # are known by their keys.
  table_keys = { for name, table in var.tables : name => join(" ", compact([table.partition_key.name, try(table.sort_key.name, "")])) }
  projections = [
    for name, function in var.functions : name
    if contains([
      for table in concat([for source in function.sources : source.table], [for use in function.uses : use.table]) :
      local.table_keys[table] if table != null
    ], "stream version") &&
    length(setsubtract(["stream", "key slice"], [
      for use in function.uses : local.table_keys[use.table] if use.table != null && use.access == "read-write"
    ])) == 0
  ]

  parked_alarms = {
    for name in local.projections : "function-${name}-parked" => merge(local.at_once, {
      namespace  = var.metrics_namespace, metric = "Parked"
      dimensions = { function = local.names.functions[name] }
      description = join(" ", [
        "${name} cannot apply the next event of some aggregates. It acknowledges their later events, which wait in the",
        "event store. `tidegate parked ls` lists these aggregates. If one waits for a newer version, that version releases it.",
        "Otherwise repair the cause, then run `tidegate parked release`.",
      ])
    })
  }

  asynchronous_functions = { for name, function in var.functions : name => function.asynchronous if function.asynchronous != null }

  asynchronous_alarms = merge([for name, asynchronous in local.asynchronous_functions : {
    "function-${name}-async-age" = merge(local.maximum, {
      tells      = "function", of = name
      namespace  = "AWS/Lambda", metric = "AsyncEventAge"
      dimensions = local.function_dimensions[name]
      threshold  = floor(local.alarm_share_of_bound * asynchronous.maximum_event_age_seconds * 1000)
      description = join(" ", [
        "Events wait for ${name} for more than",
        "${floor(local.alarm_share_of_bound * asynchronous.maximum_event_age_seconds / 60)} minutes;",
        "Lambda gives them up after ${floor(asynchronous.maximum_event_age_seconds / 60)} minutes.",
        "Look for throttles and errors of ${name}.",
      ])
    })
    "function-${name}-async-dropped" = merge(local.at_once, {
      namespace  = "AWS/Lambda", metric = "AsyncEventsDropped"
      dimensions = local.function_dimensions[name]
      description = join(" ", [
        "Lambda gave up events for ${name}.",
        asynchronous.on_failure.queue == null
        ? "They went to the on_failure destination of its asynchronous invocation."
        : "They are in ${asynchronous.on_failure.queue}: scripts/replay-dlq --queue ${asynchronous.on_failure.queue} lists them.",
      ])
    })
  }]...)

  # Lambda writes to a destination what streams and asynchronous invocations give up.
  destination_functions = setunion(keys(local.stream_readers), keys(local.asynchronous_functions))

  destination_alarms = {
    for name in local.destination_functions : "function-${name}-destination-failed" => merge(local.at_once, {
      tells      = "page"
      namespace  = "AWS/Lambda", metric = "DestinationDeliveryFailures"
      dimensions = local.function_dimensions[name]
      description = join(" ", [
        "LOSS: Lambda gave up something of ${name} and could not write it to its on-failure destination.",
        "Check the role's permission for the destination (sqs:SendMessage for a queue) and the key's policy.",
        "What was lost can be read from the event store or the archive of the bus.",
      ])
    })
  }
}
