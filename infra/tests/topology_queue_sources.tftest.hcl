# The rules of sources that read a queue (validations/functions.tftpl): each run breaks the declared
# system at one place.

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

run "a_queue_as_source_is_accepted" {
  command = plan

  variables {
    queues = merge(var.queues, {
      refunds = {
        retention_seconds          = 864000
        visibility_timeout_seconds = 61
        redrive                    = { queue = "dead-letters", maximum_receives = 5 }
      }
    })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        sources = { refunds = { queue = "refunds", batch_size = 11, batching_window_seconds = 1, maximum_concurrency = 4 } }
      })
    })
  }

  assert {
    condition = [
      for statement in local.statements.notification : statement.Resource if statement.Sid == "SourceRefunds"
    ] == ["arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"]
    error_message = "The role may not read the queue."
  }

  assert {
    condition = [
      for statement in local.statements.notification : contains(statement.Action, "sqs:ChangeMessageVisibility")
      if statement.Sid == "SourceRefunds"
    ] == [true]
    error_message = "The function may not delay a message that is to be tried again later."
  }
}

run "a_queue_hides_messages_for_six_timeouts" {
  command = plan

  variables {
    queues = merge(var.queues, {
      refunds = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 59
        redrive                    = { queue = "dead-letters", maximum_receives = 5 }
      }
    })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_batching_window_adds_to_that" {
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
        sources = { refunds = { queue = "refunds", batch_size = 10, batching_window_seconds = 1, maximum_concurrency = 2 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_that_is_read_has_a_redrive" {
  command = plan

  variables {
    queues = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60 } })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_a_concurrency" {
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
      notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10 } } })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_a_concurrency_of_two" {
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
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 1 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_large_batch_of_a_queue_has_a_window" {
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
        sources = { refunds = { queue = "refunds", batch_size = 11, maximum_concurrency = 2 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_position" {
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
        sources = {
          refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, starting_position = "TRIM_HORIZON" }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_parallelization" {
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
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, parallelization_factor = 1 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_knows_no_bisecting" {
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
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, bisect_on_error = true } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_attempts" {
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
        sources = { refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, maximum_retry_attempts = 2 } }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_age" {
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
        sources = {
          refunds = { queue = "refunds", batch_size = 10, maximum_concurrency = 2, maximum_record_age_seconds = 3600 }
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_queue_as_source_has_no_destination" {
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
        sources = {
          refunds = {
            queue = "refunds", batch_size = 10, maximum_concurrency = 2, on_failure = { queue = "async-failures" }
          }
        }
      })
    })
  }

  expect_failures = [var.functions]
}
