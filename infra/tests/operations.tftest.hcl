# What operators change while the system runs: functions that stay at a version, and sources that
# are paused.

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

run "an_alias_follows_what_is_deployed" {
  command = apply

  assert {
    condition     = output.versions == { for name in keys(var.functions) : name => "7" }
    error_message = "A new version gets no deliveries: ${jsonencode(output.versions)}."
  }
}

run "a_version_that_is_declared_is_kept" {
  command = apply

  variables {
    versions = { order-processor = "5" }
  }

  assert {
    condition     = output.versions["order-processor"] == "5" && output.versions["notification"] == "7"
    error_message = "A rollback has no effect, or has it on other functions too: ${jsonencode(output.versions)}."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "order-processor stays at version 5")
    error_message = "The dashboard does not say that a function stays behind."
  }

  expect_failures = [check.every_function_follows_what_is_deployed]
}

# With other code and other settings, as a pipeline would.
run "the_next_deployment_keeps_it" {
  command = apply

  variables {
    versions        = { order-processor = "5" }
    placeholder_zip = "./tests/policies.tftest.hcl"
    log_level       = "DEBUG"
  }

  assert {
    condition     = output.versions["order-processor"] == "5" && output.versions["notification"] == "7"
    error_message = "A deployment ends a rollback: ${jsonencode(output.versions)}."
  }

  expect_failures = [check.every_function_follows_what_is_deployed]
}

run "without_the_declaration_it_is_deployed_again" {
  command = apply

  assert {
    condition     = output.versions["order-processor"] == "7"
    error_message = "A rollback lasts for ever."
  }
}

run "a_version_is_of_a_declared_function" {
  command = plan

  variables {
    versions = { refunds = "5" }
  }

  expect_failures = [var.versions]
}

run "a_version_is_a_number" {
  command = plan

  variables {
    versions = { order-processor = "$LATEST" }
  }

  expect_failures = [var.versions]
}

run "a_paused_source_is_not_read_and_says_why" {
  command = apply

  variables {
    paused_sources = { order-processor = { orders = "the store is restored" } }
  }

  assert {
    condition     = !module.function["order-processor"].enabled["orders"] && module.function["event-publisher"].enabled["event-store"]
    error_message = "The paused source is read, or another one is not."
  }

  assert {
    condition = startswith(
      aws_cloudwatch_metric_alarm.this["function-order-processor-stalled-orders"].alarm_description,
      "PAUSED (the store is restored): `make resume` ends it.",
    )
    error_message = "Whoever is told that nothing is read is not told that it was paused."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["function-order-processor-stalled-orders"].alarm_actions == toset([output.alarm_topics.ticket]) &&
      !strcontains(aws_cloudwatch_composite_alarm.function["order-processor"].alarm_rule, "-stalled-orders")
    )
    error_message = "Somebody is woken for what somebody has paused."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "Paused: order-processor.orders")
    error_message = "The dashboard does not say that a source is paused."
  }

  expect_failures = [check.every_source_is_read]
}

run "a_paused_source_is_declared" {
  command = plan

  variables {
    paused_sources = { order-processor = { refunds = "the store is restored" } }
  }

  expect_failures = [var.paused_sources]
}

run "a_pause_has_a_reason" {
  command = plan

  variables {
    paused_sources = { order-processor = { orders = " " } }
  }

  expect_failures = [var.paused_sources]
}

run "records_are_kept_for_longer_where_that_is_said" {
  command = plan

  variables {
    stream_retention_hours = { orders = 168 }
  }

  assert {
    condition     = module.stream["orders"].retention_hours == 168 && local.fixed_usd_per_hour.Kinesis > local.price.kinesis_shard_hours
    error_message = "The stream forgets records sooner, or that is not paid for."
  }

  # Pointers live as long as the records, and those of the table's stream are the shorter ones.
  assert {
    condition     = local.dead_letter_seconds["stream-failures"] == 43200
    error_message = "How long a pointer can be replayed does not follow from the shortest retention."
  }
}
