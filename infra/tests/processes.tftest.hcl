# Processes: their alarms, what an operator may do, and the rules of their declaration
# (validations/processes.tftpl).

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment         = "local"
  sender_owner        = "local"
  name_prefix         = "shop-test-"
  placeholder_zip     = "./tests/placeholder.zip"
  deletion_protection = false

  streams = {}
  buckets = { dead-letters = { expiration_days = 14 } }
  buses   = {}
  rules   = {}
  tables = {
    event-store = {
      partition_key = { name = "stream", type = "S" }
      sort_key      = { name = "version", type = "N" }
      stream_view   = "NEW_IMAGE"
    }
    processes = {
      partition_key = { name = "stream", type = "S" }
      indexes = {
        by-stuck = {
          partition_key = { name = "process", type = "S" }, sort_key = { name = "stuck_at", type = "N" }, projection = "KEYS_ONLY"
        }
        by-due = {
          partition_key = { name = "process", type = "S" }, sort_key = { name = "due", type = "N" }, projection = "KEYS_ONLY"
        }
      }
    }
  }
  queues = {
    dead-letters = { retention_seconds = 1209600 }
    booking-dead = { retention_seconds = 1209600 }
    booking-input = {
      visibility_timeout_seconds = 180, redrive = { queue = "booking-dead", maximum_receives = 20 }
    }
  }
  functions = {
    booking = {
      timeout_seconds = 20
      uses = {
        EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
        DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
        DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
      }
      sources = {
        inputs = { queue = "booking-input", batch_size = 10, maximum_concurrency = 4, report_batch_item_failures = true }
      }
    }
    booking-sweep = {
      uses = {
        PROCESS_VIEW          = { table = "processes", access = "read" }
        BOOKING_QUEUE_URL     = { queue = "booking-input", access = "write" }
        DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
        DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
      }
      asynchronous = {
        maximum_retry_attempts    = 0
        maximum_event_age_seconds = 60
        on_failure                = { queue = "dead-letters" }
      }
    }
  }
  processes = {
    booking = {
      function = "booking", queue = "booking-input", view = "processes", store = "event-store", sweep = "booking-sweep"
    }
    trip = { function = "booking", queue = "booking-input", view = "processes", store = "event-store", deadlines = false }
  }
  email_addresses = {}

  breakers        = {}
  schedule_groups = {}
  schedules       = {}
  apis            = {}
}

run "a_process_is_watched_for_what_is_stuck_and_what_only_the_sweep_found" {
  command = plan

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : key => [alarm.metric_name, alarm.dimensions] if startswith(key, "process-")
      } == {
      process-booking-stuck = ["ProcessStuck", tomap({ process = "booking", function = "shop-test-booking" })]
      process-trip-stuck    = ["ProcessStuck", tomap({ process = "trip", function = "shop-test-booking" })]
      process-booking-swept = ["DeadlinesSwept", tomap({ process = "booking", function = "shop-test-booking-sweep" })]
    }
    error_message = "A process is watched for something else: ${jsonencode(merge(local.process_alarms, local.sweep_alarms))}"
  }

  assert {
    condition = (
      local.alarms["process-booking-stuck"].periods == 1 && local.alarms["process-booking-stuck"].threshold == 0 &&
      local.alarms["process-booking-swept"].periods == 3
    )
    error_message = "An instance that waits for a person raises no alarm at once."
  }
}

run "an_operator_finds_what_is_stuck_and_sends_words_to_the_inputs_alone" {
  command = apply

  assert {
    condition = jsonencode({
      for statement in jsondecode(output.operator_policy).Statement : statement.Sid => [statement.Action, statement.Resource]
      if contains(["ProcessIndexes", "Inputs"], statement.Sid)
      }) == jsonencode({
      Inputs         = [["sqs:GetQueueUrl", "sqs:SendMessage"], ["arn:aws:sqs:us-east-1:123456789012:shop-test-booking-input"]]
      ProcessIndexes = [["dynamodb:Query"], ["arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-processes/index/by-stuck"]]
    })
    error_message = "An operator can do less or more with processes: ${output.operator_policy}"
  }

  # The history of an instance is in the event store.
  assert {
    condition = anytrue([
      for statement in jsondecode(output.operator_policy).Statement :
      contains(statement.Resource, "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-event-store") &&
      contains(statement.Action, "dynamodb:Query") if statement.Sid == "Tables"
    ])
    error_message = "An operator cannot read the history of an instance."
  }
}

run "a_system_without_processes_gives_no_rights_on_them" {
  command = apply

  variables {
    processes = {}
  }

  assert {
    condition = (
      length(regexall("Process|Inputs", output.operator_policy)) == 0 &&
      length(merge(local.process_alarms, local.sweep_alarms)) == 0
    )
    error_message = "Something of a process exists without a process."
  }
}

run "a_process_has_a_declared_function_and_queue" {
  command = plan

  variables {
    processes = { booking = { function = "bookings", queue = "booking-input", view = "processes", store = "event-store" } }
  }

  expect_failures = [var.processes]
}

run "a_process_has_declared_tables" {
  command = plan

  variables {
    processes = { booking = { function = "booking", queue = "booking-input", view = "processes", store = "events" } }
  }

  expect_failures = [var.processes]
}

run "a_process_reads_its_queue" {
  command = plan

  variables {
    processes = { booking = { function = "booking", queue = "booking-dead", view = "processes", store = "event-store" } }
  }

  expect_failures = [var.processes]
}

run "a_view_of_processes_has_its_indexes" {
  command = plan

  variables {
    processes = { booking = { function = "booking", queue = "booking-input", view = "event-store", store = "event-store" } }
  }

  expect_failures = [var.processes]
}

run "a_sweep_is_a_declared_function" {
  command = plan

  variables {
    processes = { booking = {
      function = "booking", queue = "booking-input", view = "processes", store = "event-store", sweep = "swept"
    } }
  }

  expect_failures = [var.processes]
}
