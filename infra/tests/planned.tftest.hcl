# What a reviewer sees in a plan before anything exists. In a file of its own because mocked values
# are known here while planning, which elsewhere would hide that something is only known after it
# was made.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

# As on an emulator, where the declared addresses will do.
variables {
  environment         = "local"
  sender_owner        = "local"
  name_prefix         = "shop-test-"
  placeholder_zip     = "./tests/placeholder.zip"
  deletion_protection = false
}

run "a_rule_invokes_the_alias_and_gives_up_to_a_queue" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_event_target.this["order-placed-notification"].arn ==
      "arn:aws:lambda:us-east-1:123456789012:function:mocked:live"
    )
    error_message = "The target is not the function's alias."
  }

  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.this :
      target.dead_letter_config[0].arn == "arn:aws:sqs:us-east-1:123456789012:mocked"
    ])
    error_message = "A target has no dead-letter queue."
  }
}

run "a_rule_can_target_a_queue" {
  command = plan

  variables {
    rules = merge(var.rules, {
      order-placed-refunds = {
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

  assert {
    condition     = aws_cloudwatch_event_target.this["order-placed-refunds"].arn == "arn:aws:sqs:us-east-1:123456789012:mocked"
    error_message = "The target is not the queue."
  }

  assert {
    condition = contains(
      local.rules_to_queue["dead-letters"],
      "arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-order-placed-refunds",
    )
    error_message = "The rule may not write to its queue."
  }
}
