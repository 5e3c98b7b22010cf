# The rules of functions (validations/functions.tftpl), except for those of sources: each run breaks
# the declared system at one place.

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

run "what_only_the_local_engine_runs_is_not_deployed" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, { command = ["python3", "-m", "awslambdaric", "app.handler"] })
    })
  }

  expect_failures = [var.functions]
}

run "what_is_left_out_is_what_aws_takes" {
  command = plan

  variables {
    queues = merge(var.queues, {
      refunds = { visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } }
    })
    functions = merge(var.functions, { refunds = { sources = { refunds = { queue = "refunds", maximum_concurrency = 4 } } } })
  }

  assert {
    condition = [
      var.queues.refunds.retention_seconds, var.functions.refunds.memory_mb,
      var.functions.refunds.timeout_seconds, var.functions.refunds.maximum_concurrency,
    ] == [345600, 128, 3, 10]
    error_message = "The defaults are not those of the local engine."
  }
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
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        uses = { SALES_TABLE = { table = "sales", queue = "dead-letters", access = "write" } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "access_is_a_known_word" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, { uses = { SALES_TABLE = { table = "sales", access = "all" } } })
    })
  }

  expect_failures = [var.functions]
}

run "access_is_a_word_for_that_kind_of_resource" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        uses = { SENDER_ADDRESS = { email = "orders@shop.example.com", access = "read" } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_function_uses_what_is_declared" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, { uses = { REFUNDS_TABLE = { table = "refunds", access = "read" } } })
    })
  }

  expect_failures = [var.functions]
}

run "an_invocation_gives_up_to_a_standard_queue" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 1209600, fifo = true } })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { queue = "refunds" } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "an_invocation_is_retried_within_lambdas_limits" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = {
          maximum_retry_attempts = 3, maximum_event_age_seconds = 21600, on_failure = { queue = "async-failures" }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_function_runs_as_many_as_its_sources_want" {
  command = plan

  variables {
    queues = merge(var.queues, {
      refunds = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 60
        redrive                    = { queue = "dead-letters", maximum_receives = 5 }
      }
    })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 5 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_function_may_be_switched_off" {
  command = plan

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, { reserved_concurrency = 0 }) })
  }

  assert {
    condition = local.reserved_concurrency.notification == 0 && alltrue([
      for name, reserved in local.reserved_concurrency : reserved == -1 if name != "notification"
    ])
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
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        reserved_concurrency = var.functions.notification.maximum_concurrency + 1
      })
    })
  }

  expect_failures = [var.functions]
}

run "an_invocation_gives_up_to_a_declared_bus" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { bus = "nobody" } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_success_is_not_told_to_a_bucket" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = {
          maximum_retry_attempts    = 2
          maximum_event_age_seconds = 21600
          on_failure                = { queue = "async-failures" }
          on_success                = { bucket = "dead-letters" }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_success_is_not_told_to_its_own_function" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = {
          maximum_retry_attempts    = 2
          maximum_event_age_seconds = 21600
          on_failure                = { queue = "async-failures" }
          on_success                = { function = "notification" }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "an_invocation_does_not_give_up_to_its_own_function" {
  command = plan

  variables {
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        asynchronous = {
          maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { function = "notification" }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

# Below this name the bucket of the dead letters keeps events that do not expire; a function's
# letters do.
run "a_function_is_not_named_like_the_place_of_held_events" {
  command = plan

  variables {
    functions = { held = { memory_mb = 128, timeout_seconds = 10 } }
    rules     = {}
  }

  expect_failures = [var.functions]
}
