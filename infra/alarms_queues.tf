# Alarms of queues: dead letters that wait, and messages that no function reads.

locals {
  # Queues of dead letters. Mappings, asynchronous invocations, rules and subscriptions give up to
  # them, other queues redrive to them, and functions write their own dead letters to them.
  dead_letter_queues = toset(concat(
    flatten([
      for function in var.functions : [
        for source in function.sources : source.on_failure.queue if try(source.on_failure.queue, null) != null
      ]
    ]),
    [
      for function in var.functions : function.asynchronous.on_failure.queue
      if try(function.asynchronous.on_failure.queue, null) != null
    ],
    flatten(values(local.rule_dead_letters)),
    [for schedule in var.schedules : schedule.dead_letter_queue],
    [for group in var.schedule_groups : group.dead_letter_queue],
    [for subscription in var.subscriptions : subscription.dead_letter_queue],
    [for queue in var.queues : queue.redrive.queue if queue.redrive != null],
    [
      for function in var.functions : function.uses.DEAD_LETTER_QUEUE_URL.queue
      if try(function.uses.DEAD_LETTER_QUEUE_URL.queue, null) != null
    ],
  ))

  # A function or somebody outside reads every other queue.
  work_queues = { for name, queue in var.queues : name => queue if !contains(local.dead_letter_queues, name) }

  # For how long a dead letter in its queue can be replayed: until the queue deletes it; or until
  # the stream deletes the records that it points to; or, since a redriven message keeps its age,
  # for the difference between the retentions of the two queues.
  dead_letter_seconds = {
    for name in local.dead_letter_queues : name => min(concat(
      [var.queues[name].retention_seconds],
      flatten([for function in var.functions : [
        for source in function.sources :
        try(local.stream_retention_hours[source.stream] * 3600, local.table_stream_retention_seconds) -
        source.maximum_record_age_seconds
        if try(source.on_failure.queue == name, false)
      ]]),
      [for queue in var.queues : var.queues[name].retention_seconds - queue.retention_seconds if try(queue.redrive.queue == name, false)],
    )...)
  }

  # If a queue holds dead letters for so many hours without a break, one of them is about to be
  # lost. The age of the oldest message would not do: SQS leaves out messages that were received
  # more than three times, and whoever lists letters receives them. CloudWatch looks at 7 days at
  # most.
  dead_letter_hours = {
    for name, seconds in local.dead_letter_seconds : name => max(1, min(168, floor(local.alarm_share_of_letters * seconds / 3600)))
  }

  # The age after which a message of a queue is given up or lost.
  work_queue_seconds = {
    for name, queue in local.work_queues : name => min(concat(
      [queue.retention_seconds],
      flatten([for function in var.functions : [
        for source in function.sources : source.dead_letter_after_seconds
        if try(source.queue == name, false) && source.dead_letter_after_seconds != null
      ]]),
    )...)
  }

  dead_letter_alarms = merge([for name in local.dead_letter_queues : {
    "queue-${name}-letters" = merge(local.maximum, {
      namespace  = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = local.names.queues[name] }
      threshold  = 0
      description = join(" ", [
        "Dead letters wait in ${name}. scripts/replay-dlq --queue ${name} lists them with their reasons;",
        "repair the cause, then replay with --yes, within ${floor(local.dead_letter_seconds[name] / 3600)} hours of their arrival.",
      ])
    })
    "queue-${name}-letters-expire" = merge(local.expression, {
      tells = "page"
      # Whoever lists letters hides them for a while, so both counts are added. Averages can be
      # added, minima cannot: an hour's average is 1 if one letter was there for the whole hour.
      expression = "visible + hidden", periods = local.dead_letter_hours[name], threshold = 0.99
      queries = {
        visible = {
          namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = local.names.queues[name] }
          stat      = "Average", period = 3600
        }
        hidden = {
          namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", dimensions = { QueueName = local.names.queues[name] }
          stat      = "Average", period = 3600
        }
      }
      description = join(" ", [
        "LOSS AHEAD: ${name} was never empty for ${local.dead_letter_hours[name]} hours. A dead letter in it can be replayed for",
        "${floor(local.dead_letter_seconds[name] / 3600)} hours, and the oldest may have waited for all of them.",
        "scripts/replay-dlq --queue ${name} --yes replays what can be replayed; what fails permanently leaves a letter with",
        "its payload.",
      ])
    })
  }]...)

  work_queue_alarms = {
    for name, queue in local.work_queues : "queue-${name}-age" => merge(local.maximum, {
      tells      = "page"
      namespace  = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage"
      dimensions = { QueueName = local.names.queues[name] }
      threshold  = floor(local.alarm_share_of_bound * local.work_queue_seconds[name])
      description = join(" ", [
        "The oldest message in ${name} waits for more than",
        "${floor(local.alarm_share_of_bound * local.work_queue_seconds[name] / 60)} minutes;",
        "it is given up after ${floor(local.work_queue_seconds[name] / 60)} minutes.",
        "Look for errors and throttles of the function that reads it.",
      ])
    })
  }
}
