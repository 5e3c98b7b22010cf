# Every rule of topology.tf refuses what it is for: each run breaks the declared system at one place. infra/tests/complete.py counts: a variable
# has at least as many runs here as rules.

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

run "the_declared_system_is_accepted" {
  command = plan

  assert {
    condition     = length(local.names.functions) == length(var.functions) && length(var.functions) > 0
    error_message = "Not every declared function has a name."
  }
}

run "a_queue_as_source_is_accepted" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 864000, visibility_timeout_seconds = 61, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 11, batching_window_seconds = 1, maximum_concurrency = 4 } } }) })
  }

  assert {
    condition     = [for statement in local.statements.notification : statement.Resource if statement.Sid == "SourceRefunds"] == ["arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"]
    error_message = "The role may not read the queue."
  }

  assert {
    condition     = [for statement in local.statements.notification : contains(statement.Action, "sqs:ChangeMessageVisibility") if statement.Sid == "SourceRefunds"] == [true]
    error_message = "The function may not delay a message that is to be tried again later."
  }
}

run "what_only_the_local_engine_runs_is_not_deployed" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { command = ["python3", "-m", "awslambdaric", "app.handler"] }) })
  }

  expect_failures = [var.functions]
}

run "what_is_left_out_is_what_aws_takes" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { refunds = { sources = { refunds = { queue = "refunds", maximum_concurrency = 4 } } } })
  }

  assert {
    condition     = [var.queues.refunds.retention_seconds, var.functions.refunds.memory_mb, var.functions.refunds.timeout_seconds, var.functions.refunds.maximum_concurrency] == [345600, 128, 3, 10]
    error_message = "The defaults are not those of the local engine."
  }
}

run "an_event_is_no_larger_than_a_queue_takes" {
  command = plan

  variables {
    event_bytes_limit = 262145
  }

  expect_failures = [var.event_bytes_limit]
}

run "metrics_are_not_among_those_of_aws" {
  command = plan

  variables {
    metrics_namespace = "AWS/Shop"
  }

  expect_failures = [var.metrics_namespace]
}

run "a_stream_keeps_records_for_a_day" {
  command = plan

  variables {
    streams = merge(var.streams, { refunds = { shards = 1, retention_hours = 23 } })
  }

  expect_failures = [var.streams]
}

run "a_stream_has_a_shard" {
  command = plan

  variables {
    streams = merge(var.streams, { refunds = { shards = 0, retention_hours = 24 } })
  }

  expect_failures = [var.streams]
}

run "a_key_has_a_type_that_dynamodb_knows" {
  command = plan

  variables {
    tables = merge(var.tables, { refunds = { partition_key = { name = "id", type = "S" }, sort_key = { name = "at", type = "DATE" } } })
  }

  expect_failures = [var.tables]
}

run "a_table_stream_carries_what_dynamodb_knows" {
  command = plan

  variables {
    tables = merge(var.tables, { refunds = { partition_key = { name = "id", type = "S" }, stream_view = "NEW" } })
  }

  expect_failures = [var.tables]
}

run "a_record_outlives_every_replay" {
  command = plan

  variables {
    tables = merge(var.tables, { idempotency = merge(var.tables.idempotency, { record_retention_days = 14 }) })
  }

  expect_failures = [var.tables]
}

run "a_record_expires" {
  command = plan

  variables {
    tables = merge(var.tables, { idempotency = merge(var.tables.idempotency, { ttl_attribute = null }) })
  }

  expect_failures = [var.tables]
}

run "a_queue_keeps_messages_for_two_weeks_at_most" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 1209601 } })
  }

  expect_failures = [var.queues]
}

run "a_queue_hides_messages_for_half_a_day_at_most" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 43201 } })
  }

  expect_failures = [var.queues]
}

run "a_redrive_names_a_declared_queue" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, redrive = { queue = "refunds-dead", maximum_receives = 5 } } })
  }

  expect_failures = [var.queues]
}

run "a_redrive_allows_for_throttling" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, redrive = { queue = "dead-letters", maximum_receives = 4 } } })
  }

  expect_failures = [var.queues]
}

run "a_queue_is_not_its_own_dead_letter_queue" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, redrive = { queue = "refunds", maximum_receives = 5 } } })
  }

  expect_failures = [var.queues]
}

run "a_dead_letter_queue_keeps_messages_for_four_days_more_than_its_source" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 864001, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
  }

  expect_failures = [var.queues]
}

run "a_bucket_keeps_objects_for_a_day" {
  command = plan

  variables {
    buckets = merge(var.buckets, { refunds = { expiration_days = 0 } })
  }

  expect_failures = [var.buckets]
}

run "a_bus_is_not_the_default_one" {
  command = plan

  variables {
    buses = merge(var.buses, { default = { archive_days = 1 } })
  }

  expect_failures = [var.buses]
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
    rules = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { target = merge(var.rules.order-placed-notification.target, { function = "refunds" }) }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_one_target" {
  command = plan

  variables {
    rules = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { target = merge(var.rules.order-placed-notification.target, { queue = "dead-letters" }) }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_has_a_declared_dead_letter_queue" {
  command = plan

  variables {
    rules = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { target = merge(var.rules.order-placed-notification.target, { dead_letter_queue = "refunds" }) }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 1209600, fifo = true } })
    rules  = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { target = merge(var.rules.order-placed-notification.target, { dead_letter_queue = "refunds" }) }) })
  }

  expect_failures = [var.rules]
}

run "a_rule_targets_a_fifo_queue_by_a_message_group" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, fifo = true } })
    rules = merge(var.rules, {
      refunds = { bus = "shop", pattern = { source = ["shop.orders"] }, target = { queue = "refunds", message_group_id = "refunds", dead_letter_queue = "rule-failures", maximum_retry_attempts = 185, maximum_event_age_seconds = 86400 } }
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
      refunds = { bus = "shop", pattern = { source = ["shop.orders"] }, target = { queue = "refunds", dead_letter_queue = "rule-failures", maximum_retry_attempts = 185, maximum_event_age_seconds = 86400 } }
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

run "snapshots_remember_causes_longer_than_a_dead_letter_can_be_replayed" {
  command = plan

  variables {
    tables = merge(var.tables, { snapshots = { partition_key = { name = "stream", type = "S" }, cause_retention_days = 14 } })
  }

  expect_failures = [var.tables]
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
    rules = merge(var.rules, { order-placed-notification = merge(var.rules.order-placed-notification, { target = merge(var.rules.order-placed-notification.target, { maximum_retry_attempts = 186 }) }) })
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

run "a_function_has_a_name_that_fits" {
  command = plan

  variables {
    functions = merge(var.functions, { Refunds = var.functions.notification })
  }

  expect_failures = [var.functions]
}

run "a_function_has_memory_within_lambdas_limits" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { memory_mb = 127 }) })
  }

  expect_failures = [var.functions]
}

run "a_function_has_a_timeout_within_lambdas_limits" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { timeout_seconds = 901 }) })
  }

  expect_failures = [var.functions]
}

run "a_variable_stands_for_one_resource" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { uses = { SALES_TABLE = { table = "sales", queue = "dead-letters", access = "write" } } }) })
  }

  expect_failures = [var.functions]
}

run "access_is_a_known_word" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { uses = { SALES_TABLE = { table = "sales", access = "all" } } }) })
  }

  expect_failures = [var.functions]
}

run "access_is_a_word_for_that_kind_of_resource" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { uses = { SENDER_ADDRESS = { email = "orders@shop.example.com", access = "read" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_function_uses_what_is_declared" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { uses = { REFUNDS_TABLE = { table = "refunds", access = "read" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_source_is_declared" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { stream = "refunds" }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_source_is_one_thing" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { table = "event-store" }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_table_is_a_source_through_its_stream" {
  command = plan

  variables {
    functions = merge(var.functions, { event-publisher = merge(var.functions.event-publisher, { sources = { event-store = merge(var.functions.event-publisher.sources.event-store, { table = "sales" }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_after_some_time" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_record_age_seconds = 59, dead_letter_after_seconds = 29 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_after_some_attempts" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_retry_attempts = null }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_has_somewhere_to_give_up_to" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = null }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_function_gives_up_before_its_mapping" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { dead_letter_after_seconds = 21600 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_hides_messages_for_six_timeouts" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 59, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_batching_window_adds_to_that" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, batching_window_seconds = 1, maximum_concurrency = 2 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_that_is_read_has_a_redrive" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60 } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_starts_at_one_end_of_the_stream" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position = "AT_TIMESTAMP" }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_says_where_it_starts" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position = null }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_has_five_filters_at_most" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { filter_criteria = [for n in range(6) : { pattern = "{\"data\":{\"n\":[${n}]}}" }] }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_filter_is_the_text_of_a_json_object" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { filter_criteria = [{ pattern = "[\"data\"]" }] }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_before_the_stream_forgets_it" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_record_age_seconds = 86400 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_before_a_tables_stream_forgets_it" {
  command = plan

  variables {
    functions = merge(var.functions, { event-publisher = merge(var.functions.event-publisher, { sources = { event-store = merge(var.functions.event-publisher.sources.event-store, { maximum_record_age_seconds = 86400 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_stream_has_no_concurrency_of_its_own" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_concurrency = 2 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_a_concurrency" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_a_concurrency_of_two" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 1 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_large_batch_of_a_queue_has_a_window" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 11, maximum_concurrency = 2 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_position" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, starting_position = "TRIM_HORIZON" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_parallelization" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, parallelization_factor = 1 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_knows_no_bisecting" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, bisect_on_error = true } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_attempts" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, maximum_retry_attempts = 2 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_age" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, maximum_record_age_seconds = 3600 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_destination" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, on_failure = { queue = "async-failures" } } } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_a_declared_queue" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = { queue = "refunds" } }) } }) })
  }

  expect_failures = [var.functions]
}

run "an_invocation_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 1209600, fifo = true } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { queue = "refunds" } } }) })
  }

  expect_failures = [var.functions]
}

run "an_invocation_is_retried_within_lambdas_limits" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 3, maximum_event_age_seconds = 21600, on_failure = { queue = "async-failures" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_function_runs_as_many_as_its_sources_want" {
  command = plan

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 5 } } }) })
  }

  expect_failures = [var.functions]
}

run "a_table_is_read_by_four_at_a_time" {
  command = plan

  variables {
    functions = merge(var.functions, { event-publisher = merge(var.functions.event-publisher, { maximum_concurrency = 3 }) })
  }

  expect_failures = [var.functions]
}

run "four_are_enough_for_a_table" {
  command = plan

  variables {
    functions = merge(var.functions, { event-publisher = merge(var.functions.event-publisher, { maximum_concurrency = 4 }) })
  }
}

run "a_function_may_be_switched_off" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { reserved_concurrency = 0 }) })
  }

  assert {
    condition     = local.reserved_concurrency.notification == 0 && alltrue([for name, reserved in local.reserved_concurrency : reserved == -1 if name != "notification"])
    error_message = "The function is not switched off, or another one is limited too."
  }
}

run "a_reservation_leaves_room_for_the_sources" {
  command = plan

  variables {
    functions = merge(var.functions, { event-publisher = merge(var.functions.event-publisher, { reserved_concurrency = 3 }) })
  }

  expect_failures = [var.functions]
}

run "a_reservation_is_at_most_the_maximum" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { reserved_concurrency = var.functions.notification.maximum_concurrency + 1 }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_may_start_at_a_moment" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2026-01-31T12:00:00Z" }) } }) })
  }
}

run "a_moment_is_for_a_start_at_one" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position_timestamp = "2026-01-31T12:00:00Z" }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_window_has_fifteen_minutes_at_most" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { parallelization_factor = 1, tumbling_window_seconds = 901 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_shard_with_a_window_has_one_batch_at_a_time" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { parallelization_factor = 2, tumbling_window_seconds = 60 }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_one_place" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = { queue = "stream-failures", bucket = "dead-letters" } }) } }) })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_no_function" {
  command = plan

  variables {
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, { sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = { function = "notification" } }) } }) })
  }

  expect_failures = [var.functions]
}

run "an_invocation_gives_up_to_a_declared_bus" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { bus = "nobody" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_success_is_not_told_to_a_bucket" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { queue = "async-failures" }, on_success = { bucket = "dead-letters" } } }) })
  }

  expect_failures = [var.functions]
}

run "a_success_is_not_told_to_its_own_function" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { queue = "async-failures" }, on_success = { function = "notification" } } }) })
  }

  expect_failures = [var.functions]
}

run "an_invocation_does_not_give_up_to_its_own_function" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { function = "notification" } } }) })
  }

  expect_failures = [var.functions]
}

run "the_topic_of_alarms_is_nobody_elses" {
  command = plan

  variables {
    topics = { alarms-page = {} }
  }

  expect_failures = [var.topics]
}

# Below this name the bucket of the dead letters keeps events that do not expire; a function's letters do.
run "a_function_is_not_named_like_the_place_of_held_events" {
  command = plan

  variables {
    functions = { held = { memory_mb = 128, timeout_seconds = 10 } }
    rules     = {}
  }

  expect_failures = [var.functions]
}
