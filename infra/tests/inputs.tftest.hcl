# Every rule of variables.tf refuses what it is for. infra/tests/complete.py counts: a variable has
# at least as many runs here as rules.

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

run "an_environment_is_a_short_word" {
  command = plan

  variables {
    environment = "Test-1"
  }

  expect_failures = [var.environment]
}

run "a_name_prefix_ends_with_a_hyphen" {
  command = plan

  variables {
    name_prefix = "shop"
  }

  expect_failures = [var.name_prefix]
}

run "a_region_is_a_code" {
  command = plan

  variables {
    region = "Virginia"
  }

  expect_failures = [var.region]
}

run "an_account_has_12_digits" {
  command = plan

  variables {
    account_id = "shop"
  }

  expect_failures = [var.account_id]
}

run "an_architecture_is_one_that_lambda_has" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "a_log_level_is_upper_case" {
  command = plan

  variables {
    log_level = "info"
  }

  expect_failures = [var.log_level]
}

run "log_retention_is_a_number_that_cloudwatch_knows" {
  command = plan

  variables {
    log_retention_days = 10
  }

  expect_failures = [var.log_retention_days]
}

run "telemetry_names_a_version_of_a_layer" {
  command = plan

  variables {
    telemetry = { layer_arn = "arn:aws:lambda:us-east-1:123456789012:layer:collector" }
  }

  expect_failures = [var.telemetry]
}

run "alarms_go_to_addresses" {
  command = plan

  variables {
    alarm_email_addresses = ["oncall@example.com", "oncall"]
  }

  expect_failures = [var.alarm_email_addresses]
}

run "shards_are_those_of_a_declared_stream" {
  command = plan

  variables {
    stream_shards = { refunds = 2 }
  }

  expect_failures = [var.stream_shards]
}

run "a_stream_has_whole_shards" {
  command = plan

  variables {
    stream_shards = { orders = 1.5 }
  }

  expect_failures = [var.stream_shards]
}

run "overrides_are_those_of_a_declared_function" {
  command = plan

  variables {
    function_overrides = { refunds = { memory_mb = 512 } }
  }

  expect_failures = [var.function_overrides]
}

run "an_override_sets_declared_variables_alone" {
  command = plan

  variables {
    function_overrides = { order-projection = { environment = { SALES_SLICE = "8" } } }
  }

  expect_failures = [var.function_overrides]
}

run "an_override_keeps_lambdas_memory_limits" {
  command = plan

  variables {
    function_overrides = { order-projection = { memory_mb = 64 } }
  }

  expect_failures = [var.function_overrides]
}

run "shards_need_environments_to_run_them" {
  command = plan

  variables {
    stream_shards = { orders = 3 }
  }

  expect_failures = [var.stream_shards]
}

run "shards_with_enough_environments_are_accepted" {
  command = plan

  variables {
    stream_shards      = { orders = 3 }
    function_overrides = { order-processor = { maximum_concurrency = 6 } }
  }
}

run "shards_are_not_all_that_a_function_reads" {
  command = plan

  variables {
    stream_shards = { orders = 2 }
    functions = merge(var.functions, { order-processor = merge(var.functions.order-processor, {
      maximum_concurrency = 7
      sources = merge(var.functions.order-processor.sources, {
        event-store = var.functions.event-publisher.sources.event-store
      })
    }) })
  }

  expect_failures = [var.stream_shards]
}

run "an_override_leaves_room_for_a_table" {
  command = plan

  variables {
    function_overrides = { event-publisher = { maximum_concurrency = 3 } }
  }

  expect_failures = [var.function_overrides]
}

run "an_override_leaves_room_for_the_sources" {
  command = plan

  variables {
    function_overrides = { order-processor = { maximum_concurrency = 1 } }
  }

  expect_failures = [var.function_overrides]
}

run "a_sender_is_an_address" {
  command = plan

  variables {
    email_addresses = { "orders@shop.example.com" = "orders" }
  }

  expect_failures = [var.email_addresses]
}

run "a_sender_is_declared" {
  command = plan

  variables {
    email_addresses = { "billing@shop.example.com" = "billing@example.com" }
  }

  expect_failures = [var.email_addresses]
}

run "retention_is_that_of_a_declared_stream" {
  command = plan

  variables {
    stream_retention_hours = { refunds = 168 }
  }

  expect_failures = [var.stream_retention_hours]
}

run "retention_is_not_shorter_than_declared" {
  command = plan

  variables {
    streams                = { orders = { retention_hours = 48 } }
    stream_retention_hours = { orders = 24 }
  }

  expect_failures = [var.stream_retention_hours]
}

run "an_owner_is_an_environment" {
  command = plan

  variables {
    sender_owner = "Prod-1"
  }

  expect_failures = [var.sender_owner]
}

run "a_domain_is_no_address" {
  command = plan

  variables {
    sender_domain = "orders@shop.test"
  }

  expect_failures = [var.sender_domain]
}

run "a_sender_is_of_its_domain" {
  command = plan

  variables {
    sender_domain   = "shop.test"
    email_addresses = { "orders@shop.example.com" = "orders@bookshop.test" }
  }

  expect_failures = [var.sender_domain]
}
