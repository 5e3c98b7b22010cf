# The dashboard's graphs of what the system costs: expressions over AWS's own counts of what it
# used, with the prices of prices.json. All per hour, in US dollars.

locals {
  price_table = jsondecode(file("${path.module}/prices.json"))
  # Price of one unit, as a literal for an expression.
  price = { for name, price in local.price_table.prices : name => price.usd / price.per }

  # Metrics of detailed_metrics: for each mapping of a stream, events by what became of them; for
  # each function, its memory.
  metrics_per_mapping   = 6
  detailed_metric_count = !var.detailed_metrics ? 0 : length(var.functions) + local.metrics_per_mapping * length(local.stalled_alarms)

  hours_per_month = 730
  bytes_per_gb    = 1073741824

  # Costs without any use: shards, alarms, the dashboard, the toolkit's metrics of each function,
  # the key.
  fixed_usd_per_hour = {
    Kinesis = sum(concat([0], [
      for name, stream in var.streams : lookup(var.stream_shards, name, stream.shards) * (
        local.price.kinesis_shard_hours + (
          local.stream_retention_hours[name] > 24 ? local.price.kinesis_extended_shard_hours : 0
        )
      )
    ]))
    CloudWatch = (
      local.alarm_metric_count * local.price.cloudwatch_alarms + local.price.cloudwatch_dashboards + (
        local.toolkit_metrics * length(var.functions) + local.detailed_metric_count
      ) * local.price.cloudwatch_custom_metrics +
      length(var.functions) * local.price.cloudwatch_composite_alarms
    ) / local.hours_per_month
    KMS = var.customer_managed_key ? local.price.kms_key_months / local.hours_per_month : 0
  }

  memory_gb = {
    for name, function in var.functions : name => coalesce(try(var.function_overrides[name].memory_mb, null), function.memory_mb) / 1024
  }

  # Metrics that the expressions read usage from; they are not drawn.
  usage = { stat = "Sum", period = 3600, visible = false }
  usage_lines = {
    Lambda = flatten([for index, name in local.function_names : [
      {
        line = [
          "AWS/Lambda", "Invocations", "FunctionName", local.names.functions[name],
          merge(local.usage, { id = "lambda_requests_${index}" }),
        ]
      },
      { line = ["AWS/Lambda", "Duration", "FunctionName", local.names.functions[name], merge(local.usage, { id = "lambda_ms_${index}" })] },
    ]])
    DynamoDB = flatten([for index, name in local.table_names : [
      {
        line = [
          "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", local.names.tables[name],
          merge(local.usage, { id = "writes_${index}" }),
        ]
      },
      {
        line = [
          "AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", local.names.tables[name],
          merge(local.usage, { id = "reads_${index}" }),
        ]
      },
    ]])
    SQS = flatten([for index, name in local.queue_names : [
      for letter, metric in {
        s = "NumberOfMessagesSent"
        r = "NumberOfMessagesReceived"
        d = "NumberOfMessagesDeleted"
        e = "NumberOfEmptyReceives"
      } :
      { line = ["AWS/SQS", metric, "QueueName", local.names.queues[name], merge(local.usage, { id = "sqs_${letter}_${index}" })] }
    ]])
    EventBridge = [
      for index, name in local.bus_names : {
        line = [
          "AWS/Events", "MatchedEvents", "EventBusName", local.names.buses[name],
          merge(local.usage, { id = "events_${index}" }),
        ]
      }
    ]
    Kinesis = [
      for index, name in local.stream_names : {
        line = [
          "AWS/Kinesis", "IncomingRecords", "StreamName", local.names.streams[name],
          merge(local.usage, { id = "puts_${index}" }),
        ]
      }
    ]
    Logs = [
      for index, name in local.function_names : {
        line = [
          "AWS/Logs", "IncomingBytes", "LogGroupName", local.log_groups[name], merge(local.usage, { id = "logs_${index}" })
        ]
      }
    ]
  }

  # Each part includes its price. Sums are over lists, SUM([a, b]): a missing series counts as 0
  # there, while a + b would be missing.
  lambda_expressions = [for index, name in local.function_names : {
    name = name, id = "lambda_${index}"
    expression = format("lambda_requests_%d * %.10f + lambda_ms_%d * %.14f", index, local.price.lambda_requests, index,
    local.memory_gb[name] / 1000 * local.price["lambda_gb_seconds_${var.architecture}"])
  }]
  table_expressions = flatten([for index, name in local.table_names : [
    {
      name       = "${name} writes"
      id         = "table_writes_${index}"
      expression = format("writes_%d * %.10f", index, local.price.dynamodb_write_units)
    },
    {
      name       = "${name} reads"
      id         = "table_reads_${index}"
      expression = format("reads_%d * %.10f", index, local.price.dynamodb_read_units)
    },
  ]])
  queue_ids = { for fifo in [false, true] : fifo ? "fifo" : "standard" => flatten([
    for index, name in local.queue_names : [for letter in ["s", "r", "d", "e"] : "sqs_${letter}_${index}"] if var.queues[name].fifo == fifo
  ]) }

  # One expression per service; a service without anything declared has none.
  service_expressions = [for service in [
    { name = "Lambda", id = "lambda", parts = local.lambda_expressions[*].id, price = null },
    { name = "DynamoDB", id = "dynamodb", parts = local.table_expressions[*].id, price = null },
    { name = "SQS", id = "sqs", parts = local.queue_ids.standard, price = local.price.sqs_requests },
    { name = "SQS, FIFO", id = "sqs_fifo", parts = local.queue_ids.fifo, price = local.price.sqs_fifo_requests },
    {
      name  = "EventBridge"
      id    = "eventbridge"
      parts = [for index, name in local.bus_names : "events_${index}"]
      price = local.price.eventbridge_events
    },
    {
      name  = "Kinesis, written"
      id    = "kinesis"
      parts = [for index, name in local.stream_names : "puts_${index}"]
      price = local.price.kinesis_put_units
    },
    {
      name  = "Logs"
      id    = "logs"
      parts = [for index, name in local.function_names : "logs_${index}"]
      price = local.price.logs_ingested_gb / local.bytes_per_gb
    },
    ] : {
    name       = service.name
    id         = service.id
    expression = "SUM([${join(", ", service.parts)}])${service.price == null ? "" : format(" * %.14f", service.price)}"
  } if length(service.parts) > 0]

  fixed_expression = { name = "Fixed", id = "fixed", expression = format("TIME_SERIES(%.8f)", sum(values(local.fixed_usd_per_hour))) }
  total_expression = {
    name = "Total", id = "total", expression = "SUM([${join(", ", concat(local.service_expressions[*].id, ["fixed"]))}])"
  }

  # An expression as a line of a graph: drawn, or hidden and used by others.
  shown = {
    for each in concat(
      local.lambda_expressions, local.table_expressions, local.service_expressions,
      [local.fixed_expression, local.total_expression],
    ) : each.id => [{ expression = each.expression, id = each.id, label = each.name, period = 3600 }]
  }
  hidden = { for id, line in local.shown : id => [merge(line[0], { visible = false })] }

  all_usage_lines = flatten([
    for service in ["Lambda", "DynamoDB", "SQS", "EventBridge", "Kinesis", "Logs"] : local.usage_lines[service]
  ])[*].line
  part_lines  = [for each in concat(local.lambda_expressions, local.table_expressions) : local.hidden[each.id]]
  service_ids = concat(local.service_expressions[*].id, ["fixed"])
  applied_lines = [
    for index, name in local.function_names : [
      var.metrics_namespace, "Applied", "function", local.names.functions[name],
      merge(local.usage, { id = "applied_${index}" }),
    ]
  ]

  cost_graph = merge(local.graph, { period = 3600, stat = "Sum" })
  cost_rows = [
    { height = 3, widgets = [{ width = 24, type = "text", properties = { markdown = join("\n", [
      "## What does it cost?",
      join(" ", [
        "An estimate from what was really used, at the list prices of ${local.price_table.region} of ${local.price_table.date}",
        "(`infra/prices.json`), without discounts and free tiers. *Fixed* is paid without any use: ${join(", ", [
          for what, usd in local.fixed_usd_per_hour : format("%s %.2f USD a month", what, usd * local.hours_per_month) if usd > 0
        ])}.",
      ]),
      join(" ", [
        "Not in it: storage and backups, the archive, mail, traces, KMS requests.",
        "Each message of SQS counts as one call, so SQS costs this or less. `tidegate cost` knows the whole.",
      ]),
    ]) } }] },
    { height = 6, widgets = [
      { width = 12, type = "metric", properties = merge(local.cost_graph, {
        title   = "USD per hour, by service", stacked = true
        metrics = concat(local.all_usage_lines, local.part_lines, [for id in local.service_ids : local.shown[id]])
      }) },
      { width = 6, type = "metric", properties = merge(local.cost_graph, {
        title = "USD a month at the rate of the last hour", view = "singleValue"
        metrics = concat(local.all_usage_lines, local.part_lines, [for id in concat(local.service_ids, ["total"]) : local.hidden[id]],
        [[{ expression = "total * ${local.hours_per_month}", id = "monthly", label = "USD a month", period = 3600 }]])
      }) },
      { width = 6, type = "metric", properties = merge(local.cost_graph, {
        title = "USD per million applied deliveries"
        metrics = concat(local.all_usage_lines, local.applied_lines, local.part_lines, [
          for id in concat(local.service_ids, ["total"]) : local.hidden[id]
          ],
          [[{
            expression = "total / SUM([${join(", ", [for index, name in local.function_names : "applied_${index}"])}]) * 1000000"
            id         = "per_million"
            label      = "USD per million"
            period     = 3600
        }]])
      }) },
    ] },
    { height = 6, widgets = [
      for widget in [
        {
          title   = "USD per hour, Lambda by function"
          metrics = concat(local.usage_lines.Lambda[*].line, [for each in local.lambda_expressions : local.shown[each.id]])
        },
        {
          title   = "USD per hour, DynamoDB by table"
          metrics = concat(local.usage_lines.DynamoDB[*].line, [for each in local.table_expressions : local.shown[each.id]])
        },
      ] : { width = 12, type = "metric", properties = merge(local.cost_graph, { stacked = true }, widget) } if length(widget.metrics) > 0
    ] },
  ]
}
