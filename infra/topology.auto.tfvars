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
    indexes = {
      by-customer = {
        partition_key = { name = "customer", type = "S" }
        sort_key      = { name = "at", type = "S" }
        projection    = "INCLUDE"
        attributes    = ["lines", "units", "total", "currency"]
      }
    }
  }
  sales = {
    partition_key = { name = "key", type = "S" }
    sort_key      = { name = "slice", type = "N" }
  }
  stock = {
    partition_key = { name = "stock_code", type = "S" }
  }
  fulfilments = {
    partition_key = { name = "stream", type = "S" }
    indexes = {
      by-stuck = {
        partition_key = { name = "process", type = "S" }
        sort_key      = { name = "stuck_at", type = "N" }
        projection    = "KEYS_ONLY"
      }
      by-due = {
        partition_key = { name = "process", type = "S" }
        sort_key      = { name = "due", type = "N" }
        projection    = "KEYS_ONLY"
      }
    }
  }
  # Has no counters: it lists the rows that could not be written.
  fulfilment-counters = {
    partition_key = { name = "key", type = "S" }
    sort_key      = { name = "slice", type = "N" }
  }
  ledger = {
    partition_key = { name = "stream", type = "S" }
  }
  balances = {
    partition_key = { name = "key", type = "S" }
    sort_key      = { name = "slice", type = "N" }
  }
  journal = {
    partition_key = { name = "list", type = "S" }
    sort_key      = { name = "entry", type = "S" }
  }
  breakers = {
    partition_key = { name = "breaker", type = "S" }
  }
}

# Dead letters come from five senders, each with a shape of its own, so each has its own queue.
queues = {
  dead-letters    = { retention_seconds = 1209600 } # from functions: payload and reason
  stream-failures = { retention_seconds = 1209600 } # from mappings: pointers into a stream
  async-failures  = { retention_seconds = 1209600 } # from asynchronous invocations and schedules
  rule-failures   = { retention_seconds = 1209600 } # from EventBridge: events for a rule's target
  queue-failures  = { retention_seconds = 1209600 } # from queues: messages received too often

  # What the publisher sends: events that a function waits for, and the process's commands.
  fulfilment = {
    visibility_timeout_seconds = 180
    redrive                    = { queue = "queue-failures", maximum_receives = 1000 }
  }
  inventory = {
    visibility_timeout_seconds = 180
    redrive                    = { queue = "queue-failures", maximum_receives = 1000 }
  }
  ledger = {
    visibility_timeout_seconds = 190 # six timeouts, and the batching window
    redrive                    = { queue = "queue-failures", maximum_receives = 1000 }
  }
  payment = {
    visibility_timeout_seconds = 180
    redrive                    = { queue = "queue-failures", maximum_receives = 1000 }
  }
  shipping = {
    visibility_timeout_seconds = 180
    redrive                    = { queue = "queue-failures", maximum_receives = 1000 }
    operators_send             = true # `shop shipment` hands over and reports
  }
}

# The provider may be down for four hours.
breakers = {
  payment-provider = {
    table                  = "breakers"
    function               = "payment"
    queue                  = "payment"
    cool_down_seconds      = 60
    longest_outage_seconds = 14400
    events                 = "event-store"
  }
}

# An order's way from its placement to its delivery, or back.
processes = {
  fulfilment = {
    function = "fulfilment"
    queue    = "fulfilment"
    view     = "fulfilments"
    store    = "event-store"
    sweep    = "fulfilment-sweep"
  }
}

schedule_groups = {
  deadlines = {
    targets           = { fulfilment = { queue = "fulfilment" } }
    dead_letter_queue = "async-failures"
  }
}

schedules = {
  fulfilment-sweep = {
    expression        = "rate(1 minutes)"
    target            = { function = "fulfilment-sweep" }
    dead_letter_queue = "async-failures"
  }
}

apis = {
  shop = {
    authorizers = {
      customers = { issuer = "https://login.shop.example.com/", audience = ["shop"] }
    }
    throttling = { rate = 100, burst = 200 }
    routes = {
      "POST /orders"                        = { function = "order-api", authorizer = "customers" }
      "GET /orders/{order_id}"              = { function = "order-api", authorizer = "customers" }
      "POST /orders/{order_id}/cancel"      = { function = "order-api", authorizer = "customers" }
      "GET /customers/{customer_id}/orders" = { function = "order-api", authorizer = "customers" }
      "GET /products/{stock_code}/stock"    = { function = "order-api", authorization = "none" }
      "GET /openapi.json"                   = { function = "order-api", authorization = "none" }
    }
  }
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
  order-progress-notification = {
    bus = "shop"
    pattern = {
      source      = ["shop.fulfilment"]
      detail-type = ["OrderConfirmed", "OrderDispatched", "OrderCancelled"]
    }
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
      FULFILMENT_QUEUE_URL  = { queue = "fulfilment", access = "write" }
      INVENTORY_QUEUE_URL   = { queue = "inventory", access = "write" }
      LEDGER_QUEUE_URL      = { queue = "ledger", access = "write" }
      PAYMENT_QUEUE_URL     = { queue = "payment", access = "write" }
      SHIPPING_QUEUE_URL    = { queue = "shipping", access = "write" }
      DEADLINES             = { schedule_group = "deadlines", access = "write" }
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
      EVENT_STORE_TABLE         = { table = "event-store", access = "read" }
      ORDER_VIEW_TABLE          = { table = "order-view", access = "read-write" }
      SALES_TABLE               = { table = "sales", access = "read-write" }
      FULFILMENTS_TABLE         = { table = "fulfilments", access = "read-write" }
      FULFILMENT_COUNTERS_TABLE = { table = "fulfilment-counters", access = "read-write" }
      DEAD_LETTER_QUEUE_URL     = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET        = { bucket = "dead-letters", access = "write" }
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
        # Streams that a view shows. A record of another one costs no invocation.
        filter_criteria = [
          { pattern = "{\"dynamodb\":{\"Keys\":{\"stream\":{\"S\":[{\"prefix\":\"order#\"}]}}}}" },
          { pattern = "{\"dynamodb\":{\"Keys\":{\"stream\":{\"S\":[{\"prefix\":\"return#\"}]}}}}" },
          { pattern = "{\"dynamodb\":{\"Keys\":{\"stream\":{\"S\":[{\"prefix\":\"fulfilment#\"}]}}}}" },
        ]
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

  order-api = {
    memory_mb           = 256
    timeout_seconds     = 10
    maximum_concurrency = 20
    uses = {
      EVENT_STORE_TABLE = { table = "event-store", access = "append" }
      ORDER_VIEW_TABLE  = { table = "order-view", access = "read" }
      STOCK_TABLE       = { table = "stock", access = "read" }
    }
  }

  fulfilment = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    sources = {
      fulfilment = {
        queue                      = "fulfilment"
        batch_size                 = 10
        maximum_concurrency        = 8
        report_batch_item_failures = true
      }
    }
  }

  fulfilment-sweep = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 1
    uses = {
      FULFILMENTS_TABLE     = { table = "fulfilments", access = "read" }
      FULFILMENT_QUEUE_URL  = { queue = "fulfilment", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    asynchronous = {
      maximum_retry_attempts    = 0
      maximum_event_age_seconds = 60
      on_failure                = { queue = "async-failures" }
    }
  }

  inventory = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      STOCK_TABLE           = { table = "stock", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    # Units of each product when it is first touched; below which stock more is ordered; how much.
    # An order is reserved "whole" or not at all, or as far as it is "available".
    environment = {
      OPENING_STOCK = "100000"
      REORDER_BELOW = "50000"
      REORDER_UNITS = "100000"
      PARTIAL_STOCK = "whole"
    }
    sources = {
      inventory = {
        queue                      = "inventory"
        batch_size                 = 10
        maximum_concurrency        = 8
        report_batch_item_failures = true
      }
    }
  }

  payment = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    environment = { PAYMENT_PROVIDER_URL = "https://payments.example.com" }
    sources = {
      payment = {
        queue                      = "payment"
        batch_size                 = 10
        maximum_concurrency        = 8
        report_batch_item_failures = true
      }
    }
  }

  shipping = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 8
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    # Countries that no carrier goes to, with commas between; above which number of units a
    # shipment waits for a person.
    environment = { UNSERVED_COUNTRIES = "Unspecified", HELD_ABOVE_UNITS = "50000" }
    sources = {
      shipping = {
        queue                      = "shipping"
        batch_size                 = 10
        maximum_concurrency        = 8
        report_batch_item_failures = true
      }
    }
  }

  ledger = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 2
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      LEDGER_TABLE          = { table = "ledger", access = "read-write" }
      BALANCES_TABLE        = { table = "balances", access = "read-write" }
      JOURNAL_TABLE         = { table = "journal", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
    }
    # A row of balances has this many slices; each execution environment counts in one of them.
    environment = { LEDGER_SLICES = "4" }
    sources = {
      ledger = {
        queue                      = "ledger"
        batch_size                 = 100 # nobody waits for the books, and large batches cost less
        batching_window_seconds    = 5
        maximum_concurrency        = 2
        report_batch_item_failures = true
      }
    }
  }
}
