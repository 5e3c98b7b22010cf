# One dashboard per environment: is it healthy, where is it stuck, what does it cost. Like the
# alarms, it follows from the topology.

locals {
  function_names = sort(keys(var.functions))
  table_names    = sort(keys(local.tables))
  queue_names    = sort(keys(var.queues))
  stream_names   = sort(keys(var.streams))
  rule_names     = sort(keys(var.rules))
  bus_names      = sort(keys(var.buses))

  # The most alarms that CloudWatch shows in one widget.
  alarms_per_widget = 100

  # What a widget shows unless it says otherwise.
  graph = {
    region = local.region, view = "timeSeries", stacked = false, period = 300
    yAxis  = { left = { min = 0, showUnits = false } }
  }

  # One line per function, from the counts that the toolkit logs and from those of Lambda.
  outcome_lines = {
    for outcome in ["Applied", "Duplicate", "Filtered", "Parked", "Held", "Failed", "NotRun", "DeadLettered"] : outcome => [
      for name in local.function_names : [
        var.metrics_namespace, outcome, "function", local.names.functions[name], { label = "${name} ${outcome}" }
      ]
    ]
  }
  failure_lines = concat([for class in ["Permanent", "Transient", "Busy"] : [
    for name in local.function_names : [
      var.metrics_namespace, "${class}Failures", "function", local.names.functions[name],
      { label = "${name} ${lower(class)}" },
    ]
  ]]...)
  lag_lines = [for name in local.function_names : [var.metrics_namespace, "Lag", "function", local.names.functions[name], { label = name }]]

  # Metrics that each function writes in every hour with an invocation: its outcomes, Lag and
  # Duration.
  toolkit_metrics = length(local.outcome_lines) + 2

  function_lines = {
    for metric in ["Errors", "Throttles", "Duration", "ConcurrentExecutions"] : metric => [
      for name in local.function_names : ["AWS/Lambda", metric, "FunctionName", local.names.functions[name], { label = name }]
    ]
  }
  asynchronous_lines = {
    for metric in ["AsyncEventAge", "AsyncEventsDropped"] : metric => [
      for name in sort(keys(local.asynchronous_functions)) :
      [
        "AWS/Lambda", metric, "FunctionName", local.names.functions[name], "Resource",
        local.function_dimensions[name].Resource, { label = name },
      ]
    ]
  }
  destination_lines = [
    for name in sort(local.destination_functions) :
    [
      "AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", local.names.functions[name], "Resource",
      local.function_dimensions[name].Resource, { label = name },
    ]
  ]
  queue_lines = {
    for metric in [
      "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "ApproximateAgeOfOldestMessage"
      ] : metric => {
      for kind, names in { letters = sort(local.dead_letter_queues), work = sort(keys(local.work_queues)) } : kind => [
        for name in names : ["AWS/SQS", metric, "QueueName", local.names.queues[name], { label = name }]
      ]
    }
  }
  given_up_lines = flatten([for name in local.function_names : [
    for source in sort(keys(var.functions[name].sources)) : {
      line = [
        "AWS/Lambda", "DroppedEventCount", "EventSourceMappingUUID", module.function[name].mappings[source],
        { label = "${name}: ${source}" },
      ]
    } if var.functions[name].sources[source].queue == null && var.detailed_metrics
  ]])[*].line
  memory_lines = [
    for name in local.function_names : [
      local.memory_metrics[name].namespace, local.memory_metrics[name].name, { label = name }
    ] if var.detailed_metrics
  ]
  rule_lines = {
    for metric in ["FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"] : metric => [
      for name in local.rule_names : [
        "AWS/Events", metric, "EventBusName", local.rule_dimensions[name].EventBusName, "RuleName",
        local.rule_dimensions[name].RuleName, { label = "${name} ${metric}" },
      ]
    ]
  }
  throttle_lines = concat(
    flatten([for name in local.table_names : [for way in ["Read", "Write"] : {
      line = ["AWS/DynamoDB", "${way}ThrottleEvents", "TableName", local.names.tables[name], { label = "${name} ${lower(way)}s" }]
    }]]),
    flatten([for name in local.stream_names : [for way in ["Read", "Write"] : {
      line = [
        "AWS/Kinesis", "${way}ProvisionedThroughputExceeded", "StreamName", local.names.streams[name],
        { label = "${name} ${lower(way)}s" },
      ]
    }]]),
  )

  healthy_rows = concat(
    [{ height = 2, widgets = [{ width = 24, type = "text", properties = { markdown = join("\n", [
      "## Is it healthy?",
      join(" ", [
        "`${var.environment}` in ${local.region}. Every alarm's description says what it means and what to do.",
        "*Applied* and *Duplicate* are success; *Failed* is delivered again; *Held*, *Parked* and *DeadLettered* wait for a person.",
      ]),
    ]) } }] }],
    [for source in sort(keys(local.paused)) : { height = 2, widgets = [{ width = 24, type = "text", properties = {
      markdown = join(" ", [
        "**Paused: ${source}.** ${local.paused[source]} What waits is given up or lost once it is too old;",
        "`make resume ENV=${var.environment} SOURCE=${source}` ends it.",
      ])
    } }] }],
    [for name in sort(keys(var.versions)) : { height = 2, widgets = [{ width = 24, type = "text", properties = {
      markdown = join(" ", [
        "**${name} stays at version ${var.versions[name]}** and does not follow what is deployed;",
        "`make rollforward ENV=${var.environment} FUNCTION=${name}` ends it.",
      ])
    } }] }],
    [for keys in chunklist(sort(keys(local.alarms)), local.alarms_per_widget) : {
      height = 6, widgets = [{
        width = 24
        type  = "alarm"
        properties = {
          title = "Alarms", alarms = [for key in keys : local.alarm_arns[key]], sortBy = "stateUpdatedTimestamp"
        }
      }]
    }],
    [
      { height = 6, widgets = [
        {
          width      = 6
          type       = "metric"
          properties = merge(local.graph, { title = "Applied", stat = "Sum", metrics = local.outcome_lines.Applied })
        },
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title   = "Duplicate, Filtered"
            stat    = "Sum"
            metrics = concat(local.outcome_lines.Duplicate, local.outcome_lines.Filtered)
          })
        },
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title   = "Failed, NotRun: will be delivered again"
            stat    = "Sum"
            metrics = concat(local.outcome_lines.Failed, local.outcome_lines.NotRun)
          })
        },
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title   = "DeadLettered, Held, Parked: wait for a person"
            stat    = "Sum"
            metrics = concat(local.outcome_lines.DeadLettered, local.outcome_lines.Held, local.outcome_lines.Parked)
          })
        },
      ] },
      { height = 6, widgets = [
        {
          width = 12
          type  = "metric"
          properties = merge(local.graph, {
            title = "Lag p99, ms: from arrival until it was decided", stat = "p99", metrics = local.lag_lines
          })
        },
        {
          width = 12
          type  = "metric"
          properties = merge(local.graph, {
            title = "Why deliveries fail, dead letters included", stat = "Sum", metrics = local.failure_lines
          })
        },
      ] },
      { height = 6, widgets = [
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title = "Errors of whole invocations", stat = "Sum", metrics = local.function_lines.Errors
          })
        },
        {
          width      = 6
          type       = "metric"
          properties = merge(local.graph, { title = "Throttles", stat = "Sum", metrics = local.function_lines.Throttles })
        },
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title = "Duration p99, ms", stat = "p99", metrics = local.function_lines.Duration
          })
        },
        {
          width = 6
          type  = "metric"
          properties = merge(local.graph, {
            title = "Environments in use", stat = "Maximum", metrics = local.function_lines.ConcurrentExecutions
          })
        },
      ] },
    ],
  )

  # One graph per function that reads a stream: the age of its records, and the ages at which the
  # function or Lambda gives them up.
  iterator_age_widgets = [
    for name in sort(keys(local.stream_readers)) : { width = 8, type = "metric", properties = merge(local.graph, {
      title = "${name}: age of the records of ${join(" and ", local.stream_readers[name].sources)}, ms", stat = "Maximum"
      metrics = [[
        "AWS/Lambda", "IteratorAge", "FunctionName", local.names.functions[name], "Resource",
        local.function_dimensions[name].Resource, { label = name },
      ]]
      annotations = { horizontal = concat(
        [{ label = "alarm", value = local.alarms["function-${name}-iterator-age"].threshold, color = "#ff9896" }],
        [
          for source, declared in var.functions[name].sources : {
            label = "${source}: the function dead-letters"
            value = declared.dead_letter_after_seconds * 1000
            color = "#d62728"
          } if declared.queue == null && declared.dead_letter_after_seconds != null
        ],
        [
          for source, declared in var.functions[name].sources : {
            label = "${source}: Lambda gives up", value = declared.maximum_record_age_seconds * 1000, color = "#8c0000"
          } if declared.queue == null
        ],
      ) }
    }) }
  ]

  # One graph per mapping of a stream: writes to the stream, and invocations for them.
  mapping_widgets = flatten([
    for name in sort(keys(local.stream_readers)) : [
      for key in sort([
        for source in var.functions[name].sources :
        source.stream != null ? "stream ${source.stream}" : "table ${source.table}"
        if source.queue == null
      ]) :
      { width = 8, type = "metric", properties = merge(local.graph, {
        title = "${name}: writes to the ${key}, and invocations", stat = "Sum"
        metrics = [
          concat(
            [local.written[key].namespace, local.written[key].metric],
            flatten([for dimension, value in local.written[key].dimensions : [dimension, value]]),
            [{ label = "written" }],
          ),
          [
            "AWS/Lambda", "Invocations", "FunctionName", local.names.functions[name], "Resource",
            local.function_dimensions[name].Resource, { label = "invoked" },
          ],
        ]
      }) }
    ]
  ])

  sender_lines = [
    for metric, label in {
      "Reputation.BounceRate" = "bounced", "Reputation.ComplaintRate" = "marked as spam"
    } : ["AWS/SES", metric, { label = label }] if length(local.email_addresses) > 0
  ]

  schedule_lines = flatten([
    for metric in ["TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"] : [
      for group, physical in local.schedule_group_names : {
        line = ["AWS/Scheduler", metric, "ScheduleGroup", physical, { label = "${group} ${metric}" }]
      }
    ]
  ])[*].line
  process_lines = flatten([for name, process in var.processes : [
    for metric, function in { ProcessStuck = process.function, DeadlinesSwept = process.sweep } : {
      line = [
        var.metrics_namespace, metric, "function", local.names.functions[function], "process", name,
        { label = "${name} ${metric}" },
      ]
    } if function != null
  ] if var.metrics_namespace != null])[*].line
  breaker_lines = [
    for name, breaker in var.breakers : [
      var.metrics_namespace, "BreakerOpened", "function", local.names.functions[breaker.function], "breaker", name,
      { label = name },
    ] if var.metrics_namespace != null
  ]

  # CloudWatch refuses a graph without a line, so graphs of what the topology does not have are left
  # out.
  stuck_widgets = concat(local.iterator_age_widgets, local.mapping_widgets, [
    for widget in [
      { title = "Dead letters", stat = "Maximum", metrics = local.queue_lines.ApproximateNumberOfMessagesVisible.letters },
      {
        title   = "Dead letters that somebody has received"
        stat    = "Maximum"
        metrics = local.queue_lines.ApproximateNumberOfMessagesNotVisible.letters
      },
      { title = "Stream events given up", stat = "Sum", metrics = local.given_up_lines },
      { title = "Memory used, MB", stat = "Maximum", metrics = local.memory_lines },
      { title = "Messages that wait", stat = "Maximum", metrics = local.queue_lines.ApproximateNumberOfMessagesVisible.work },
      { title = "Age of the oldest message, s", stat = "Maximum", metrics = local.queue_lines.ApproximateAgeOfOldestMessage.work },
      { title = "Age of asynchronous events, ms", stat = "Maximum", metrics = local.asynchronous_lines.AsyncEventAge },
      { title = "Asynchronous events given up", stat = "Sum", metrics = local.asynchronous_lines.AsyncEventsDropped },
      { title = "Lost: on-failure destination refused", stat = "Sum", metrics = local.destination_lines },
      {
        title = "Rules: not handed over"
        stat  = "Sum"
        metrics = concat(
          local.rule_lines.FailedInvocations,
          local.rule_lines.InvocationsSentToDlq,
          local.rule_lines.InvocationsFailedToBeSentToDlq,
        )
      },
      { title = "Schedules: not handed over", stat = "Sum", metrics = local.schedule_lines },
      { title = "Processes: stuck, and deadlines that the sweep found", stat = "Sum", metrics = local.process_lines },
      { title = "Breakers that opened", stat = "Sum", metrics = local.breaker_lines },
      { title = "Requests that failed at the server", stat = "Sum", metrics = concat(local.api_lines["5xx"], local.url_lines) },
      { title = "Latency p99 of requests, ms", stat = "p99", metrics = local.api_lines.Latency },
      { title = "Requests refused by throttling", stat = "Sum", metrics = local.throttled_lines },
      { title = "Tables and streams: throttled", stat = "Sum", metrics = local.throttle_lines[*].line },
      { title = "Share of the account's mail", stat = "Maximum", period = 3600, metrics = local.sender_lines },
    ] : { width = 8, type = "metric", properties = merge(local.graph, widget) } if length(widget.metrics) > 0
  ])

  stuck_rows = concat(
    [{ height = 2, widgets = [{ width = 24, type = "text", properties = { markdown = join("\n", [
      "## Where is it stuck?",
      join(" ", [
        "A record that fails holds up its ordering key, and its shard's age rises towards the lines.",
        "What is given up becomes a dead letter: `scripts/replay-dlq` lists them, `scripts/replay-dlq --yes` replays them.",
      ]),
    ]) } }] }],
    [
      for first in range(0, length(local.stuck_widgets), 3) : {
        height = 6, widgets = slice(local.stuck_widgets, first, min(first + 3, length(local.stuck_widgets)))
      }
    ],
  )

  # Each row begins where the one above ends, each widget where the one to its left ends.
  dashboard_rows = concat(local.healthy_rows, local.stuck_rows, local.cost_rows)
  dashboard = {
    start          = "-PT12H"
    periodOverride = "inherit" # a cost is per hour only if its period is an hour
    widgets = flatten([for row, declared in local.dashboard_rows : [for column, widget in declared.widgets : merge(widget, {
      x      = sum(concat([0], [for left in slice(declared.widgets, 0, column) : left.width]))
      y      = sum(concat([0], [for above in slice(local.dashboard_rows, 0, row) : above.height]))
      height = declared.height
    })]])
  }

  dashboard_name = var.name_prefix == "" ? var.environment : trimsuffix(var.name_prefix, "-")

  dashboard_lines = [for widget in local.dashboard.widgets : length(widget.properties.metrics) if widget.type == "metric"]
  dashboard_sizes = {
    metrics_in_a_graph = max(local.dashboard_lines...)
    metrics            = sum(local.dashboard_lines)
    characters_in_an_expression = max([
      for expression in concat(local.service_expressions, [local.total_expression]) : length(expression.expression)
    ]...)
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.dashboard_name
  dashboard_body = jsonencode(local.dashboard)

  lifecycle {
    precondition {
      condition     = local.dashboard_sizes.metrics_in_a_graph <= 500 && local.dashboard_sizes.metrics <= 2500
      error_message = <<-EOT
        The dashboard has ${local.dashboard_sizes.metrics_in_a_graph} metrics in one graph and ${local.dashboard_sizes.metrics}
        in all; CloudWatch allows 500 and 2500. Split a graph in dashboard.tf by function.
      EOT
    }

    precondition {
      condition     = local.dashboard_sizes.characters_in_an_expression <= 2048
      error_message = <<-EOT
        An expression of the dashboard has ${local.dashboard_sizes.characters_in_an_expression} characters; CloudWatch allows
        2048. Sum in several steps in dashboard_cost.tf.
      EOT
    }
  }
}
