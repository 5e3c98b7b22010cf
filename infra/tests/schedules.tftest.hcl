# Schedules and the groups of those that functions create: what they become at AWS, and the rules of
# their declaration (validations/schedules.tftpl, validations/schedule_groups.tftpl).

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

  queues = {
    dead-letters    = { retention_seconds = 1209600 }
    stream-failures = { retention_seconds = 1209600 }
    async-failures  = { retention_seconds = 1209600 }
    rule-failures   = { retention_seconds = 1209600 }
    clock-failures  = { retention_seconds = 1209600 }
    deadlines       = { retention_seconds = 345600 }
    ticks           = { retention_seconds = 345600, fifo = true }
  }

  schedules = {
    nightly = {
      expression        = "cron(0 3 * * ? *)"
      time_zone         = "Europe/London"
      start             = "2026-01-01T00:00:00Z"
      target            = { function = "notification" }
      input             = { at = "<aws.scheduler.scheduled-time>" }
      dead_letter_queue = "clock-failures"
    }
    tick = {
      expression                = "rate(5 minutes)"
      enabled                   = false
      target                    = { queue = "ticks", message_group_id = "tick" }
      dead_letter_queue         = "clock-failures"
      maximum_retry_attempts    = 3
      maximum_event_age_seconds = 600
    }
    announced = {
      expression        = "rate(1 hour)"
      target            = { bus = "shop", source = "shop.clock", detail_type = "Tick" }
      dead_letter_queue = "clock-failures"
    }
    recorded = {
      expression        = "rate(1 days)"
      target            = { stream = "orders", partition_key = "tick" }
      dead_letter_queue = "clock-failures"
    }
  }

  schedule_groups = {
    deadlines = {
      targets           = { orders = { queue = "deadlines" }, late-mail = { function = "notification" } }
      dead_letter_queue = "clock-failures"
    }
  }

  functions = {
    notification = {
      uses = {
        DEADLINES             = { schedule_group = "deadlines", access = "write" }
        DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
        DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
      }
      asynchronous = {
        maximum_retry_attempts    = 2
        maximum_event_age_seconds = 21600
        on_failure                = { queue = "async-failures" }
      }
    }
  }
  rules           = {}
  email_addresses = {}

  processes = {}
  breakers  = {}
  apis      = {}
}

run "a_schedule_is_what_is_declared" {
  command = plan

  assert {
    condition = (
      module.schedule["nightly"].planned.schedule_expression == "cron(0 3 * * ? *)" &&
      module.schedule["nightly"].planned.schedule_expression_timezone == "Europe/London" &&
      module.schedule["nightly"].planned.start_date == "2026-01-01T00:00:00Z" &&
      module.schedule["nightly"].planned.state == "ENABLED" && module.schedule["tick"].planned.state == "DISABLED" &&
      alltrue([for schedule in module.schedule : schedule.planned.flexible_time_window[0].mode == "OFF"])
    )
    error_message = "A schedule does not fire when it is declared to: ${jsonencode(module.schedule["nightly"].planned)}"
  }

  # Scheduler replaces a context attribute only as it is written.
  assert {
    condition     = module.schedule["nightly"].planned.target[0].input == "{\"at\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "The input is ${module.schedule["nightly"].planned.target[0].input}."
  }

  assert {
    condition = {
      for name, schedule in module.schedule : name => [
        schedule.planned.target[0].arn, schedule.planned.target[0].retry_policy[0].maximum_retry_attempts,
        schedule.planned.target[0].retry_policy[0].maximum_event_age_in_seconds
      ]
      } == {
      nightly   = ["arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification:live", 185, 86400]
      tick      = ["arn:aws:sqs:us-east-1:123456789012:shop-test-ticks.fifo", 3, 600]
      announced = ["arn:aws:events:us-east-1:123456789012:event-bus/shop-test-shop", 185, 86400]
      recorded  = ["arn:aws:kinesis:us-east-1:123456789012:stream/shop-test-orders", 185, 86400]
    }
    error_message = "A schedule has another target or other limits than it declares."
  }

  assert {
    condition = (
      module.schedule["tick"].planned.target[0].sqs_parameters[0].message_group_id == "tick" &&
      module.schedule["recorded"].planned.target[0].kinesis_parameters[0].partition_key == "tick" &&
      module.schedule["announced"].planned.target[0].eventbridge_parameters[0].source == "shop.clock" &&
      alltrue([
        for schedule in module.schedule :
        schedule.planned.target[0].dead_letter_config[0].arn == "arn:aws:sqs:us-east-1:123456789012:shop-test-clock-failures"
      ])
    )
    error_message = "A target lacks its parameters or its dead-letter queue."
  }
}

run "a_group_reaches_its_targets_and_its_dead_letter_queue_alone" {
  command = plan

  assert {
    condition = jsonencode({
      for statement in local.schedule_statements["deadlines"] : statement.Sid => [statement.Action, statement.Resource]
      }) == jsonencode({
      FiresFunction = [["lambda:InvokeFunction"], ["arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification:live"]]
      FiresQueue    = [["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:123456789012:shop-test-deadlines"]]
      DeadLetters   = [["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:123456789012:shop-test-clock-failures"]]
    })
    error_message = "The role of a group may do something else: ${jsonencode(local.schedule_statements["deadlines"])}"
  }

  # Only Scheduler, and only for schedules of this group in this account.
  assert {
    condition = jsondecode(module.schedule_group["deadlines"].trust).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/shop-test-deadlines" }
      }
    }]
    error_message = "Somebody else may take the role: ${module.schedule_group["deadlines"].trust}"
  }
}

run "a_function_creates_schedules_of_its_group_alone" {
  command = plan

  assert {
    condition = {
      for statement in local.statements["notification"] :
      statement.Sid => [statement.Action, statement.Resource, try(statement.Condition, null)]
      if contains(["UsesDeadlines", "PassDeadlines"], statement.Sid)
      } == {
      UsesDeadlines = [
        ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"],
        "arn:aws:scheduler:us-east-1:123456789012:schedule/shop-test-deadlines/*", null
      ]
      PassDeadlines = [
        ["iam:PassRole"], "arn:aws:iam::123456789012:role/shop-test-schedules-deadlines",
        { StringEquals = { "iam:PassedToService" = "scheduler.amazonaws.com" } }
      ]
    }
    error_message = "A function may change other schedules, or pass another role: ${jsonencode(local.statements["notification"])}"
  }

  assert {
    condition = {
      for variable, value in local.environments["notification"] : variable => value if startswith(variable, "DEADLINES")
      } == {
      DEADLINES                  = "shop-test-deadlines"
      DEADLINES_ROLE_ARN         = "arn:aws:iam::123456789012:role/shop-test-schedules-deadlines"
      DEADLINES_TARGET_ORDERS    = "arn:aws:sqs:us-east-1:123456789012:shop-test-deadlines"
      DEADLINES_TARGET_LATE_MAIL = "arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification:live"
      DEADLINES_DEAD_LETTER_ARN  = "arn:aws:sqs:us-east-1:123456789012:shop-test-clock-failures"
    }
    error_message = "A function lacks what it needs to create a schedule: ${jsonencode(local.environments["notification"])}"
  }
}

run "a_group_is_watched" {
  command = plan

  assert {
    condition = alltrue([for group in ["declared", "deadlines"] : toset([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name
      if try(alarm.dimensions.ScheduleGroup == "shop-test-${group}", false) && alarm.namespace == "AWS/Scheduler"
    ]) == toset(["TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"])])
    error_message = "A group of schedules has no alarm on refused, given-up or lost events."
  }

  assert {
    condition     = contains(keys(local.alarms), "queue-clock-failures-letters")
    error_message = "The dead-letter queue of schedules is not watched as one."
  }
}

run "a_deployment_without_schedules_has_no_rights_on_them" {
  command = plan

  variables {
    schedules       = {}
    schedule_groups = {}
    functions       = {}
  }

  assert {
    condition     = !strcontains(jsonencode(local.deployer_policy), "scheduler") && length(module.schedule_group) == 0
    error_message = "Something of Scheduler exists without a schedule."
  }
}

run "a_fifo_queue_that_is_a_target_deduplicates_by_content" {
  command = plan

  assert {
    condition     = contains(local.scheduled_queues, "ticks") && !contains(local.scheduled_queues, "clock-failures")
    error_message = "Scheduler sends no deduplication id."
  }
}

run "a_schedule_has_an_expression_and_one_declared_target" {
  command = plan

  variables {
    schedules = { nightly = { expression = "rate(1 hour)", target = { function = "refunds" }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    schedules = { nightly = { expression = "rate(1 hour)", target = { function = "notification" }, dead_letter_queue = "ticks" } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_fires_at_a_fifo_queue_with_a_group" {
  command = plan

  variables {
    schedules = { tick = { expression = "rate(1 hour)", target = { queue = "ticks" }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_of_a_stream_has_a_partition_key" {
  command = plan

  variables {
    schedules = { tick = { expression = "rate(1 hour)", target = { stream = "orders" }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_has_limits_that_scheduler_takes" {
  command = plan

  variables {
    schedules = { nightly = {
      expression        = "rate(1 hour)", target = { function = "notification" }
      dead_letter_queue = "clock-failures", maximum_retry_attempts = 186
    } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_fires_at_a_function_that_keeps_its_failures" {
  command = plan

  variables {
    schedules       = { nightly = { expression = "rate(1 hour)", target = { function = "refunds" }, dead_letter_queue = "clock-failures" } }
    functions       = { refunds = {} }
    schedule_groups = {}
  }

  expect_failures = [var.schedules]
}

run "a_group_has_a_name_of_its_own" {
  command = plan

  variables {
    schedule_groups = { declared = { targets = { orders = { queue = "deadlines" } }, dead_letter_queue = "clock-failures" } }
    functions       = {}
    schedules       = {}
  }

  expect_failures = [var.schedule_groups]
}

run "a_group_fires_at_something_declared" {
  command = plan

  variables {
    schedule_groups = { deadlines = { targets = { orders = { queue = "refunds" } }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.schedule_groups]
}

run "a_group_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    schedule_groups = { deadlines = { targets = { orders = { queue = "deadlines" } }, dead_letter_queue = "ticks" } }
  }

  expect_failures = [var.schedule_groups]
}

run "a_group_fires_at_a_declared_function" {
  command = plan

  variables {
    schedule_groups = { deadlines = { targets = { orders = { function = "refunds" } }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.functions]
}

run "a_group_fires_at_a_function_that_keeps_its_failures" {
  command = plan

  variables {
    schedules       = {}
    functions       = { refunds = {} }
    schedule_groups = { deadlines = { targets = { orders = { function = "refunds" } }, dead_letter_queue = "clock-failures" } }
  }

  expect_failures = [var.functions]
}
