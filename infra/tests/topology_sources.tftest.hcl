# The rules of sources that read a stream or a table (validations/functions.tftpl): each run breaks
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

run "a_source_is_declared" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { stream = "refunds" }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_source_is_one_thing" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { table = "event-store" }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_table_is_a_source_through_its_stream" {
  command = plan

  variables {
    functions = merge(var.functions, {
      event-publisher = merge(var.functions.event-publisher, {
        sources = { event-store = merge(var.functions.event-publisher.sources.event-store, { table = "sales" }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_after_some_time" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            maximum_record_age_seconds = 59, dead_letter_after_seconds = 29
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_after_some_attempts" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_retry_attempts = null }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_has_somewhere_to_give_up_to" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = null }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_function_gives_up_before_its_mapping" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { dead_letter_after_seconds = 21600 }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_starts_at_one_end_of_the_stream" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position = "AT_TIMESTAMP" }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_says_where_it_starts" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { starting_position = null }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_has_five_filters_at_most" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            filter_criteria = [for n in range(6) : { pattern = "{\"data\":{\"n\":[${n}]}}" }]
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_filter_is_the_text_of_a_json_object" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, { filter_criteria = [{ pattern = "[\"data\"]" }] })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_before_the_stream_forgets_it" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_record_age_seconds = 86400 }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_a_record_up_before_a_tables_stream_forgets_it" {
  command = plan

  variables {
    functions = merge(var.functions, {
      event-publisher = merge(var.functions.event-publisher, {
        sources = {
          event-store = merge(var.functions.event-publisher.sources.event-store, { maximum_record_age_seconds = 86400 })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_stream_has_no_concurrency_of_its_own" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { maximum_concurrency = 2 }) }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_a_declared_queue" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = { orders = merge(var.functions.order-processor.sources.orders, { on_failure = { queue = "refunds" } }) }
      })
    })
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

run "a_mapping_may_start_at_a_moment" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2026-01-31T12:00:00Z"
          })
        }
      })
    })
  }
}

run "a_moment_is_for_a_start_at_one" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            starting_position_timestamp = "2026-01-31T12:00:00Z"
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_window_has_fifteen_minutes_at_most" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            parallelization_factor = 1, tumbling_window_seconds = 901
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_shard_with_a_window_has_one_batch_at_a_time" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            parallelization_factor = 2, tumbling_window_seconds = 60
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_one_place" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, {
            on_failure = { queue = "stream-failures", bucket = "dead-letters" }
          })
        }
      })
    })
  }

  expect_failures = [var.functions]
}

run "a_mapping_gives_up_to_no_function" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, { on_failure = { function = "notification" } })
        }
      })
    })
  }

  expect_failures = [var.functions]
}
