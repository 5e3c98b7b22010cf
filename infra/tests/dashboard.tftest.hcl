# The limits that CloudWatch sets to a dashboard, which a growing topology comes near.

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

# Three lines per rule, and no expression.
run "a_graph_has_at_most_500_lines" {
  command = plan

  variables {
    rules = merge(var.rules, {
      for number in range(170) : "copy-${number}" => {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        target = {
          queue                     = "dead-letters"
          dead_letter_queue         = "rule-failures"
          maximum_retry_attempts    = 185
          maximum_event_age_seconds = 86400
        }
      }
    })
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}

# Four metrics per queue in one expression, and 224 lines.
run "an_expression_has_at_most_2048_characters" {
  command = plan

  variables {
    queues = merge(var.queues, { for number in range(56) : "copy-${number}" => { retention_seconds = 345600 } })
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}
