# One queue: its limits, its policy, and who may redrive to it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                       = "shop-test-refunds"
  arn                        = "arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"
  fifo                       = false
  retention_seconds          = 345600
  visibility_timeout_seconds = 180
  kms_key_arn                = null
  tls_required               = true
  redrive_sources            = []
  rules                      = []
  topics                     = []
}

run "a_queue_is_encrypted_and_for_tls_alone" {
  command = plan

  module {
    source = "./modules/queue"
  }

  assert {
    condition = (
      aws_sqs_queue.this.name == "shop-test-refunds" &&
      aws_sqs_queue.this.message_retention_seconds == 345600 &&
      aws_sqs_queue.this.visibility_timeout_seconds == 180
    )
    error_message = "Name, retention or visibility differ."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled
    error_message = "Messages are not encrypted."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.policy).Statement == [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The policy does something else than to deny requests without TLS."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_allow_policy) == { redrivePermission = "denyAll" }
    error_message = "Any queue may redrive to this one."
  }
}

run "a_dead_letter_queue_is_for_its_sources_alone" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    redrive_sources = ["arn:aws:sqs:us-east-1:123456789012:shop-test-orders"]
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_allow_policy) == {
      redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:us-east-1:123456789012:shop-test-orders"]
    }
    error_message = "Other queues than the declared ones may redrive to this one."
  }
}

run "rules_that_are_declared_may_write" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    rules = ["arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-refund-requested"]
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue.this.policy).Statement : statement if statement.Effect == "Allow"] == [{
      Sid       = "Rules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = ["arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-refund-requested"]
        }
      }
    }]
    error_message = "EventBridge may not write for the rule, or for more than the rule."
  }
}

run "topics_that_are_declared_may_write" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    topics = ["arn:aws:sns:us-east-1:123456789012:shop-test-alerts"]
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue.this.policy).Statement : statement if statement.Effect == "Allow"] == [{
      Sid       = "Topics"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:us-east-1:123456789012:shop-test-refunds"
      Condition = { ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:us-east-1:123456789012:shop-test-alerts"] } }
    }]
    error_message = "SNS may not write for the topic, or for more than the topic."
  }
}

run "a_key_of_ones_own_replaces_that_of_sqs" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn
    error_message = "The queue does not use the key."
  }
}

run "a_fifo_queue_is_one" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name = "shop-test-refunds.fifo"
    fifo = true
  }

  assert {
    condition     = aws_sqs_queue.this.fifo_queue
    error_message = "The queue is not first in, first out."
  }
}

run "emulators_speak_without_tls" {
  command = apply

  module {
    source = "./modules/queue"
  }

  variables {
    tls_required = false
  }

  assert {
    # The mock sets some word for what is not set.
    condition     = !can(jsondecode(aws_sqs_queue.this.policy).Statement)
    error_message = "There is a policy although nothing is denied or allowed."
  }
}
