tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  bookings = {
    partition_key = { name = "stream", type = "S" }
    indexes = {
      by-stuck = {
        partition_key = { name = "process", type = "S" }, sort_key = { name = "stuck_at", type = "N" }
        projection    = "KEYS_ONLY"
      }
      by-due = {
        partition_key = { name = "process", type = "S" }, sort_key = { name = "due", type = "N" }
        projection    = "KEYS_ONLY"
      }
    }
  }
  counters = {
    partition_key = { name = "key", type = "S" }, sort_key = { name = "slice", type = "N" }
  }
}
queues = {
  bookings = {
    visibility_timeout_seconds = 10, redrive = { queue = "failed", maximum_receives = 1000 }
  }
  flights = {
    visibility_timeout_seconds = 10, redrive = { queue = "failed", maximum_receives = 1000 }
  }
  hotels = {
    visibility_timeout_seconds = 10, redrive = { queue = "failed", maximum_receives = 1000 }
  }
  cars = {
    visibility_timeout_seconds = 10, redrive = { queue = "failed", maximum_receives = 1000 }
  }
  failed  = { retention_seconds = 1209600 }
  letters = { retention_seconds = 1209600 }
}
buckets = { letters = { expiration_days = 14 } }
schedule_groups = {
  deadlines = {
    targets = { bookings = { queue = "bookings" } }, dead_letter_queue = "letters"
  }
}
schedules = {
  sweep = {
    expression = "rate(1 minutes)", target = { function = "sweep" }, dead_letter_queue = "letters"
  }
}
processes = {
  booking = {
    function = "booking", queue = "bookings", view = "bookings", store = "event-store"
    sweep    = "sweep"
  }
}
functions = {
  booking = {
    command = ["EXAMPLES/travel-booking"], timeout_seconds = 10, maximum_concurrency = 3
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = { bookings = { queue = "bookings", report_batch_item_failures = true } }
  }
  services = {
    command = ["EXAMPLES/travel-services"], timeout_seconds = 10, maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      flights = { queue = "flights", report_batch_item_failures = true }
      hotels  = { queue = "hotels", report_batch_item_failures = true }
      cars    = { queue = "cars", report_batch_item_failures = true }
    }
  }
  publisher = {
    command = ["EXAMPLES/travel-publisher"], timeout_seconds = 20, maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      BOOKINGS_QUEUE_URL    = { queue = "bookings", access = "write" }
      FLIGHTS_QUEUE_URL     = { queue = "flights", access = "write" }
      HOTELS_QUEUE_URL      = { queue = "hotels", access = "write" }
      CARS_QUEUE_URL        = { queue = "cars", access = "write" }
      DEADLINES             = { schedule_group = "deadlines", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      event-store = {
        table = "event-store", starting_position = "TRIM_HORIZON", batch_size = 100
        report_batch_item_failures = true, bisect_on_error = true, maximum_retry_attempts = 1000
        maximum_record_age_seconds = 43200, dead_letter_after_seconds = 21600
        on_failure = { queue = "letters" }
      }
    }
  }
  view = {
    command = ["EXAMPLES/travel-view"], timeout_seconds = 20, maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      VIEW_TABLE            = { table = "bookings", access = "read-write" }
      COUNTERS_TABLE        = { table = "counters", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      event-store = {
        table = "event-store", starting_position = "TRIM_HORIZON", batch_size = 100
        report_batch_item_failures = true, bisect_on_error = true, maximum_retry_attempts = 1000
        maximum_record_age_seconds = 43200, dead_letter_after_seconds = 21600
        on_failure = { queue = "letters" }
      }
    }
  }
  sweep = {
    command = ["EXAMPLES/travel-sweep"], timeout_seconds = 20, maximum_concurrency = 1
    uses = {
      VIEW_TABLE            = { table = "bookings", access = "read" }
      BOOKINGS_QUEUE_URL    = { queue = "bookings", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    asynchronous = {
      maximum_retry_attempts = 0, maximum_event_age_seconds = 60, on_failure = { queue = "letters" }
    }
  }
}
