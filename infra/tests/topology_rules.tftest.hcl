# The rules of EventBridge rules (validations/rules.tftpl): each run breaks the declared system at
# one place.

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

run "a_rule_is_complete" {
  command = plan

  variables {
    rules = merge(var.rules, { refunds = { bus = "shop", target = { function = "notification" } } })
  }

  expect_failures = [var.rules]
}

run "a_rule_listens_on_a_declared_bus" {
  command = plan

  variables {
    rules = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { bus = "refunds" }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_a_target" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { function = "refunds" })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_one_target" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { queue = "dead-letters" })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_a_declared_dead_letter_queue" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { dead_letter_queue = "refunds" })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_rule_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 1209600, fifo = true } })
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { dead_letter_queue = "refunds" })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_rule_targets_a_fifo_queue_by_a_message_group" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, fifo = true } })
    rules = merge(var.rules, {
      refunds = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        target = {
          queue                     = "refunds"
          message_group_id          = "refunds"
          dead_letter_queue         = "rule-failures"
          maximum_retry_attempts    = 185
          maximum_event_age_seconds = 86400
        }
      }
    })
  }

  assert {
    condition     = aws_cloudwatch_event_target.this["refunds"].sqs_target[0].message_group_id == "refunds"
    error_message = "The target does not have its message group."
  }
}

run "a_rule_does_not_target_a_fifo_queue_without_a_message_group" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, fifo = true } })
    rules = merge(var.rules, {
      refunds = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        target = {
          queue                     = "refunds"
          dead_letter_queue         = "rule-failures"
          maximum_retry_attempts    = 185
          maximum_event_age_seconds = 86400
        }
      }
    })
  }

  expect_failures = [var.rules]
}

run "a_record_outlives_the_archive_that_may_be_replayed" {
  command = plan

  variables {
    buses = merge(var.buses, { shop = { archive_days = var.tables.idempotency.record_retention_days } })
  }

  expect_failures = [var.rules]
}

run "snapshots_remember_causes_longer_than_the_archive_can_be_replayed" {
  command = plan

  variables {
    tables = merge(var.tables, { idempotency = merge(var.tables.idempotency, { cause_retention_days = var.buses.shop.archive_days }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_is_retried_within_eventbridges_limits" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { maximum_retry_attempts = 186 })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_function_that_a_rule_invokes_says_what_becomes_of_failures" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = null }) })
  }

  expect_failures = [var.rules]
}
