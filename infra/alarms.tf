# Alarms: one set for each declared thing, so that whatever is added to the topology is watched.
# alarms_*.tf have the sets; alarm_topics.tf says whom they tell.

locals {
  # An alarm about age goes off at this share of the time after which something is given up or lost.
  # The rest is the time to repair it.
  alarm_share_of_bound = 0.25

  # Half of the time in which a dead letter can be replayed. The first alarm about its queue went
  # off long before; this one reminds.
  alarm_share_of_letters = 0.5

  # Memory that is nearly used up: a slightly larger batch ends the execution environment.
  alarm_share_of_memory = 0.9

  # A function works until shortly before its timeout, and then reports what it did not start. So it
  # may regularly use only a part of the timeout.
  alarm_share_of_timeout = 0.8

  # Execution environments that are nearly used up.
  alarm_share_of_concurrency = 0.9

  # What is lost, or waits for a person, goes off at once. Everything else is retried: a failure
  # that a retry heals within a quarter of an hour is not an alarm, and one that no retry heals
  # becomes a dead letter, which goes off at once.
  #
  # Each alarm tells the page topic, the ticket topic or its function. A function that does not do
  # its work shows many signs, so it pages once (alarm_topics.tf). A loss, or an imminent one,
  # always pages by itself.
  at_once   = { statistic = "Sum", extended_statistic = null, period = 300, periods = 1, threshold = 0, tells = "ticket" }
  sustained = { statistic = "Sum", extended_statistic = null, period = 300, periods = 3, threshold = 0, tells = "ticket" }
  maximum   = { statistic = "Maximum", extended_statistic = null, period = 300, periods = 1, tells = "ticket" }

  # An expression over several metrics, each of which has its own namespace, statistic and period.
  expression = {
    namespace = null, metric = null, dimensions = null, statistic = null, extended_statistic = null, period = null, tells = "ticket"
  }

  alarms = merge(
    local.function_alarms, local.concurrency_alarms, local.parked_alarms,
    local.stream_reader_alarms, local.stalled_alarms, local.given_up_alarms,
    local.memory_alarms, local.asynchronous_alarms, local.destination_alarms,
    local.sender_alarms, local.dead_letter_alarms, local.work_queue_alarms,
    local.rule_alarms, local.table_alarms, local.stream_alarms,
    local.api_alarms, local.url_alarms, local.schedule_alarms,
    local.subscription_alarms, local.process_alarms, local.sweep_alarms,
    local.breaker_alarms,
  )

  alarm_count = length(local.alarms)

  # AWS bills each metric that an alarm watches.
  alarm_metric_count = sum([for alarm in local.alarms : max(1, length(try(alarm.queries, {})))])

  alarm_names = { for key, alarm in local.alarms : key => "${var.name_prefix}${key}" }
  alarm_arns  = { for key, name in local.alarm_names : key => "${local.arn_prefix.cloudwatch}:alarm:${name}" }
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

  # No data is normal: services write most of these metrics only when something happens.
  treat_missing_data = "notBreaching"
  alarm_actions      = lookup(local.topics_told, each.value.tells, [])
  ok_actions         = lookup(local.topics_told, each.value.tells, [])
}
