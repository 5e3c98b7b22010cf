# The topology: every stream, queue, bucket, table, bus, rule and function of the system, declared
# once. Terraform, the local engine, the `tidegate` command and the tests read this file. It has
# literal values only: no functions, no references, no `${…}`. topology.tf has the types.

# Largest message of a queue, in bytes; 4096 are for what EventBridge and Lambda add to a failed
# event. A larger event travels as a reference to the event store (`dataref`).
event_bytes_limit = 262144

# CloudWatch namespace of the metrics that functions write and that alarms and the dashboard read.
# Without it, functions write no metrics.
metrics_namespace = "Tidegate"

streams = {
  orders = { shards = 1, retention_hours = 24 }
}

tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }
    sort_key      = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  idempotency = {
    partition_key         = { name = "key", type = "S" }
    ttl_attribute         = "expires_at"
    record_retention_days = 31 # longer than a dead letter or the archive can be replayed
  }
  order-view = {
    partition_key = { name = "stream", type = "S" }
  }
  sales = {
    partition_key = { name = "key", type = "S" }
    sort_key      = { name = "slice", type = "N" }
  }
}

# Dead letters come from four senders, each with a shape of its own, so each has its own queue.
queues = {
  dead-letters    = { retention_seconds = 1209600 } # from functions: payload and reason
  stream-failures = { retention_seconds = 1209600 } # from mappings: pointers into a stream
  async-failures  = { retention_seconds = 1209600 } # from asynchronous invocations
  rule-failures   = { retention_seconds = 1209600 } # from EventBridge: events for a rule's target
}

# Dead letters that are too large for a queue message.
buckets = {
  dead-letters = { expiration_days = 14 }
}

buses = {
  shop = { archive_days = 30 }
}

rules = {
  order-placed-notification = {
    bus     = "shop"
    pattern = { source = ["shop.orders"], detail-type = ["OrderPlaced"] }
    target = {
      function                  = "notification"
      dead_letter_queue         = "rule-failures"
      maximum_retry_attempts    = 185
      maximum_event_age_seconds = 86400
    }
  }
}

functions = {
  order-processor = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" } # no updates, deletions
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    sources = {
      orders = {
        stream                     = "orders"
        starting_position          = "TRIM_HORIZON"
        batch_size                 = 100
        parallelization_factor     = 2
        bisect_on_error            = true
        report_batch_item_failures = true
        maximum_retry_attempts     = 1000
        maximum_record_age_seconds = 21600
        dead_letter_after_seconds  = 10800
        on_failure                 = { queue = "stream-failures" }
      }
    }
  }

  event-publisher = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      EVENT_BUS             = { bus = "shop", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    sources = {
      event-store = {
        table                      = "event-store"
        starting_position          = "TRIM_HORIZON"
        batch_size                 = 100
        parallelization_factor     = 1
        bisect_on_error            = true
        report_batch_item_failures = true
        maximum_retry_attempts     = 1000
        maximum_record_age_seconds = 43200
        dead_letter_after_seconds  = 21600
        on_failure                 = { queue = "stream-failures" }
      }
    }
  }

  order-projection = {
    memory_mb           = 256
    timeout_seconds     = 60
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      ORDER_VIEW_TABLE      = { table = "order-view", access = "read-write" }
      SALES_TABLE           = { table = "sales", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    # A counter row has this many slices; each execution environment counts in one of them.
    environment = { SALES_SLICES = "4" }
    sources = {
      event-store = {
        table                      = "event-store"
        starting_position          = "TRIM_HORIZON"
        batch_size                 = 100
        parallelization_factor     = 1
        bisect_on_error            = true
        report_batch_item_failures = true
        maximum_retry_attempts     = 1000
        maximum_record_age_seconds = 43200
        dead_letter_after_seconds  = 21600
        on_failure                 = { queue = "stream-failures" }
      }
    }
  }

  notification = {
    memory_mb           = 256
    timeout_seconds     = 10
    maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      IDEMPOTENCY_TABLE     = { table = "idempotency", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
      SENDER_ADDRESS        = { email = "orders@shop.example.com", access = "write" }
    }
    environment = { CUSTOMER_EMAIL_DOMAIN = "example.com" }
    asynchronous = {
      maximum_retry_attempts    = 2
      maximum_event_age_seconds = 21600
      on_failure                = { queue = "async-failures" }
    }
  }
}
