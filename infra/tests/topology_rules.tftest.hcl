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

run "a_rule_has_a_target_or_targets_and_not_both" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        targets = { again = var.rules.order-placed-notification.target }
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_at_most_five_targets" {
  command = plan

  variables {
    rules = merge(var.rules, {
      refunds = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        targets = { for n in range(6) : "t-${n}" => var.rules.order-placed-notification.target }
      }
    })
  }

  expect_failures = [var.rules]
}

run "a_bus_sends_to_another_bus" {
  command = plan

  variables {
    rules = merge(var.rules, {
      refunds = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        target = {
          bus                       = "shop"
          dead_letter_queue         = "rule-failures"
          maximum_retry_attempts    = 185
          maximum_event_age_seconds = 86400
        }
      }
    })
  }

  expect_failures = [var.rules]
}

run "a_target_has_one_input" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { input = { go = true }, input_path = "$.detail" })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_template_has_declared_variables" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, {
          input_transformer = { paths = { order = "$.detail.subject" }, template = "{\"o\": <order>, \"x\": <refund>}" }
        })
      })
    })
  }

  expect_failures = [var.rules]
}

run "a_partition_key_is_for_a_stream" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-notification = merge(var.rules.order-placed-notification, {
        target = merge(var.rules.order-placed-notification.target, { partition_key_path = "$.detail.subject" })
      })
    })
  }

  expect_failures = [var.rules]
}
