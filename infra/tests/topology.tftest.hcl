# The rules of streams, tables, queues, topics, buckets and buses (topology.tf and validations/):
# each run breaks the declared system at one place. Those of rules and functions are in
# topology_*.tftest.hcl. complete.py counts: a variable has at least as many runs as rules.

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

run "statements_are_batched_or_single" {
  command = plan

  variables {
    statements = "double"
  }

  expect_failures = [var.statements]
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

run "a_key_of_an_index_has_a_type_that_dynamodb_knows" {
  command = plan

  variables {
    tables = merge(var.tables, { refunds = {
      partition_key = { name = "id", type = "S" }
      indexes       = { by-day = { partition_key = { name = "at", type = "DATE" } } }
    } })
  }

  expect_failures = [var.tables]
}

run "an_index_has_a_projection_that_dynamodb_knows" {
  command = plan

  variables {
    tables = merge(var.tables, { refunds = {
      partition_key = { name = "id", type = "S" }
      indexes       = { by-day = { partition_key = { name = "at", type = "S" }, projection = "SOME" } }
    } })
  }

  expect_failures = [var.tables]
}

run "attributes_of_an_index_belong_to_the_projection_include" {
  command = plan

  variables {
    tables = merge(var.tables, { refunds = {
      partition_key = { name = "id", type = "S" }
      indexes       = { by-day = { partition_key = { name = "at", type = "S" }, attributes = ["total"] } }
    } })
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

run "snapshots_remember_causes_longer_than_a_dead_letter_can_be_replayed" {
  command = plan

  variables {
    tables = merge(var.tables, { snapshots = { partition_key = { name = "stream", type = "S" }, cause_retention_days = 14 } })
  }

  expect_failures = [var.tables]
}

run "a_format_of_commits_is_one_that_functions_write" {
  command = plan

  variables {
    tables = merge(var.tables, { event-store = merge(var.tables.event-store, { commit_format = 3 }) })
  }

  expect_failures = [var.tables]
}

run "the_topic_of_alarms_is_nobody_elses" {
  command = plan

  variables {
    topics = { alarms-page = {} }
  }

  expect_failures = [var.topics]
}
