# Circuit breakers: what a function may do with their rows, its variable, the alarm, and the rules
# of their declaration (validations/breakers.tftpl).

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

  tables = {
    breakers    = { partition_key = { name = "breaker", type = "S" } }
    event-store = { partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" } }
  }
  streams = {}
  queues = {
    dead-letters = { retention_seconds = 1209600 }
    charges = {
      retention_seconds          = 345600
      visibility_timeout_seconds = 61
      redrive                    = { queue = "dead-letters", maximum_receives = 65 }
    }
  }
  buses           = {}
  rules           = {}
  email_addresses = {}
  functions = {
    notification = {
      uses = {
        DEAD_LETTER_QUEUE_URL = { queue = "dead-letters", access = "write" }
        DEAD_LETTER_BUCKET    = { bucket = "dead-letters", access = "write" }
      }
      sources = {
        charges = {
          queue                      = "charges"
          batch_size                 = 10
          maximum_concurrency        = 2
          report_batch_item_failures = true
          dead_letter_after_seconds  = 7200
        }
      }
    }
  }
  breakers = {
    card-payment = {
      table                  = "breakers"
      function               = "notification"
      queue                  = "charges"
      cool_down_seconds      = 60
      longest_outage_seconds = 3600
      events                 = "event-store"
    }
  }

  processes       = {}
  schedules       = {}
  schedule_groups = {}
  apis            = {}
}

run "a_function_gets_its_breaker_and_no_other_row" {
  command = plan

  # The local engine writes the same text: `topology::Breaker::declaration`.
  assert {
    condition = local.environments.notification.TIDEGATE_BREAKER_CARD_PAYMENT == join("", [
      "{\"cool_down_seconds\":60,\"events_table\":\"shop-test-event-store\",\"failures_in_a_row\":5,",
      "\"freshness_seconds\":5,\"table\":\"shop-test-breakers\",\"window_seconds\":60}",
    ])
    error_message = "The variable is ${local.environments.notification.TIDEGATE_BREAKER_CARD_PAYMENT}."
  }

  assert {
    condition = {
      for statement in local.statements.notification : statement.Sid => [
        statement.Action, statement.Resource, statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
      ] if startswith(statement.Sid, "Breaker")
      } == {
      BreakerCardPayment = [
        ["dynamodb:GetItem", "dynamodb:UpdateItem"], "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-breakers", ["card-payment"]
      ]
      BreakerCardPaymentEvents = [
        ["dynamodb:PutItem"], "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-event-store", ["breaker#card-payment"]
      ]
    }
    error_message = "The role may do something else with the breaker's row or its events."
  }

  assert {
    condition = jsonencode([
      for statement in local.operator_policy.Statement : statement.Resource if startswith(statement.Sid, "Breaker")
      ]) == jsonencode([
      ["arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-breakers"],
      ["arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-event-store"],
    ])
    error_message = "An operator may not open or close a breaker."
  }

  assert {
    condition = (
      local.alarms["breaker-card-payment-opened"].metric == "BreakerOpened" &&
      local.alarms["breaker-card-payment-opened"].dimensions == { function = "shop-test-notification", breaker = "card-payment" }
    )
    error_message = "No alarm goes off when the breaker opens."
  }
}

run "a_breaker_has_a_table_of_breakers" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { table = "event-store" }) }
  }

  expect_failures = [var.breakers]
}

run "a_breaker_keeps_events_in_an_event_store" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { events = "breakers" }) }
  }

  expect_failures = [var.breakers]
}

run "a_breaker_stands_behind_a_queue_that_its_function_reads" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { queue = "dead-letters" }) }
  }

  expect_failures = [var.breakers]
}

run "a_breaker_cools_down_for_some_time" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { cool_down_seconds = 42301 }) }
  }

  expect_failures = [var.breakers]
}

run "the_receives_of_a_message_outlast_the_longest_outage" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { cool_down_seconds = 59 }) }
  }

  expect_failures = [var.breakers]
}

run "the_retention_of_a_message_outlasts_the_longest_outage" {
  command = plan

  variables {
    queues = merge(var.queues, {
      charges = {
        retention_seconds          = 3600
        visibility_timeout_seconds = 61
        redrive                    = { queue = "dead-letters", maximum_receives = 65 }
      }
    })
  }

  expect_failures = [var.breakers]
}

run "a_probe_that_fails_makes_no_dead_letter" {
  command = plan

  variables {
    breakers = { payment = merge(var.breakers.card-payment, { cool_down_seconds = 120, longest_outage_seconds = 7200 }) }
  }

  expect_failures = [var.breakers]
}
