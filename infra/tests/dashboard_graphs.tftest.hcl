# Whatever the topology declares is on the dashboard. What is expected follows from the declaration,
# not from dashboard*.tf.

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

run "the_dashboard_shows_everything" {
  command = apply

  assert {
    condition = alltrue([for section in ["Is it healthy?", "Where is it stuck?", "What does it cost?"] :
      anytrue([
        for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
        strcontains(widget.properties.markdown, section)
        if widget.type == "text"
      ])
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
        "${metric.namespace} ${metric.metric_name} ${try(
          metric.dimensions.FunctionName, metric.dimensions.function, metric.dimensions.QueueName, metric.dimensions.RuleName,
          metric.dimensions.TableName, metric.dimensions.StreamName, metric.dimensions.EventSourceMappingUUID, metric.dimensions.ApiId,
          metric.dimensions.ScheduleGroup, "of the account"
        )}"
      ]]),
      flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for line in widget.properties.metrics : [
          for part in length(line) == 3 ? ["of the account"] :
          slice(line, 3, length(line) - 1) : "${line[0]} ${line[1]} ${part}"
        ] if length(line) > 2 && try(line[length(line) - 1].visible, true)
      ] if widget.type == "metric"]),
    )) == 0
    error_message = "The metric of an alarm is in no graph: ${join(", ", setsubtract(
      flatten([for alarm in aws_cloudwatch_metric_alarm.this : [
        for metric in concat(alarm.metric_name == null ? [] : [alarm], flatten(alarm.metric_query[*].metric)) :
        "${metric.namespace} ${metric.metric_name} ${try(
          metric.dimensions.FunctionName, metric.dimensions.function, metric.dimensions.QueueName, metric.dimensions.RuleName,
          metric.dimensions.TableName, metric.dimensions.StreamName, metric.dimensions.EventSourceMappingUUID, metric.dimensions.ApiId,
          metric.dimensions.ScheduleGroup, "of the account"
        )}"
      ]]),
      flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for line in widget.properties.metrics : [
          for part in length(line) == 3 ? ["of the account"] :
          slice(line, 3, length(line) - 1) : "${line[0]} ${line[1]} ${part}"
        ] if length(line) > 2 && try(line[length(line) - 1].visible, true)
      ] if widget.type == "metric"]),
    ))}"
  }

  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.alarms
      if widget.type == "alarm"
      ])) == toset([
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
        for id in regexall("[a-z][a-z_]*_?[0-9]*", line[0].expression) : contains(
          [for other in widget.properties.metrics : try(element(other, length(other) - 1).id, "")], id
        )
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
        (
          jsondecode(file("./prices.json")).prices.lambda_requests.usd / 1000000 +
          0.5 * jsondecode(file("./prices.json")).prices.lambda_gb_seconds_arm64.usd / 1000000 / 1000
        )
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
      refunds = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 120
        redrive                    = { queue = "refund-failures", maximum_receives = 5 }
      }
      refund-failures = { retention_seconds = 1209600 }
    })
    functions = merge(var.functions, {
      refunds = {
        memory_mb           = 128
        timeout_seconds     = 20
        maximum_concurrency = 6
        uses                = { DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" } }
        sources = {
          refunds = {
            queue                      = "refunds"
            batch_size                 = 10
            report_batch_item_failures = true
            dead_letter_after_seconds  = 36000
            maximum_concurrency        = 4
          }
          orders = {
            stream                     = "orders"
            batch_size                 = 100
            starting_position          = "TRIM_HORIZON"
            maximum_retry_attempts     = 1000
            maximum_record_age_seconds = 14400
            dead_letter_after_seconds  = 14000
            on_failure                 = { queue = "stream-failures" }
          }
          activity = {
            stream                     = "activity"
            batch_size                 = 100
            starting_position          = "TRIM_HORIZON"
            maximum_retry_attempts     = 1000
            maximum_record_age_seconds = 28800
            dead_letter_after_seconds  = 7200
            on_failure                 = { queue = "stream-failures" }
          }
        }
      }
    })
  }

  assert {
    condition = length([for key, alarm in aws_cloudwatch_metric_alarm.this : key if strcontains(key, "refund")]) == 16
    error_message = "The function has not thirteen alarms more, its queue one and the dead-letter queue two: ${join(", ", [
      for key, alarm in aws_cloudwatch_metric_alarm.this : key if strcontains(key, "refund")
    ])}."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["queue-refunds-age"].threshold == 9000 &&
      aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters"].threshold == 0
    )
    error_message = "The alarm on age is not at a quarter of the smallest bound, or a redrive's queue is taken for one with work."
  }

  # A redriven message keeps its age: 14 days less the 4 that it may have used.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters-expire"].evaluation_periods == 5 * 24
    error_message = "The age that a letter brings along is not counted."
  }

  assert {
    condition = aws_cloudwatch_metric_alarm.this["function-refunds-iterator-age"].threshold == 1800000
    error_message = "The alarm on age is not at a quarter of the smallest bound of two streams: ${
      aws_cloudwatch_metric_alarm.this["function-refunds-iterator-age"].threshold
    } ms."
  }

  assert {
    condition = alltrue([
      for name in ["shop-test-refunds", "shop-test-refund-failures"] :
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"QueueName\",\"${name}\"")
    ])
    error_message = "A queue is not on the dashboard."
  }
}

run "a_system_of_queues_alone_has_a_dashboard_too" {
  command = apply

  variables {
    streams         = {}
    tables          = {}
    buckets         = {}
    buses           = {}
    rules           = {}
    apis            = {}
    breakers        = {}
    processes       = {}
    schedules       = {}
    schedule_groups = {}
    queues = {
      refunds = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 120
        fifo                       = true
        redrive                    = { queue = "refund-failures", maximum_receives = 5 }
      }
      refund-failures = { retention_seconds = 1209600, fifo = true }
    }
    functions = {
      refunds = {
        memory_mb           = 128
        timeout_seconds     = 20
        maximum_concurrency = 4
        sources             = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 4 } }
      }
    }
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.type != "metric" ? true : length(widget.properties.metrics) > 0
    ])
    error_message = "A graph has no line, which CloudWatch refuses."
  }

  assert {
    condition = !anytrue([
      for key in keys(aws_cloudwatch_metric_alarm.this) :
      startswith(key, "function-refunds-iterator-age") || startswith(key, "function-refunds-stalled")
    ])
    error_message = "The reader of a queue has an alarm on a stream."
  }

  assert {
    condition     = !anytrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.namespace == "AWS/SES"])
    error_message = "A system that sends no mail is told of the account's."
  }

  assert {
    condition = aws_cloudwatch_metric_alarm.this["queue-refund-failures-letters"].dimensions == tomap({
      QueueName = "shop-test-refund-failures.fifo"
    })
    error_message = "The alarm names a queue that is not there."
  }
}
