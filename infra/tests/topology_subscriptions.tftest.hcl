# Topics with subscriptions: what Terraform creates for them, and their rules
# (validations/subscriptions.tftpl), of which each run breaks one.

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

  topics = {
    alerts = {}
    steps  = { fifo = true, content_based_deduplication = true }
  }
  queues = {
    dead-letters    = { retention_seconds = 1209600 }
    stream-failures = { retention_seconds = 1209600 }
    async-failures  = { retention_seconds = 1209600 }
    rule-failures   = { retention_seconds = 1209600 }
    queue-failures  = { retention_seconds = 1209600 }
    fulfilment      = { visibility_timeout_seconds = 180, redrive = { queue = "queue-failures", maximum_receives = 1000 } }
    inventory       = { visibility_timeout_seconds = 180, redrive = { queue = "queue-failures", maximum_receives = 1000 } }
    ledger          = { visibility_timeout_seconds = 190, redrive = { queue = "queue-failures", maximum_receives = 1000 } }
    payment         = { visibility_timeout_seconds = 180, redrive = { queue = "queue-failures", maximum_receives = 1000 } }
    shipping        = { visibility_timeout_seconds = 180, redrive = { queue = "queue-failures", maximum_receives = 1000 } }
    work            = {}
    ordered         = { fifo = true }
    ordered-dead    = { fifo = true, retention_seconds = 1209600 }
  }
  subscriptions = {
    billing = {
      topic                = "alerts"
      queue                = "work"
      filter_policy        = { kind = ["invoice"], price = [{ numeric = [">=", 100] }] }
      raw_message_delivery = true
      dead_letter_queue    = "rule-failures"
    }
    audit = {
      topic               = "alerts"
      function            = "notification"
      filter_policy       = { order = { state = ["paid"] } }
      filter_policy_scope = "body"
      dead_letter_queue   = "rule-failures"
    }
    ordered = { topic = "steps", queue = "ordered", dead_letter_queue = "ordered-dead" }
  }
}

run "a_subscription_is_what_is_declared" {
  command = plan

  variables {
    functions = merge(var.functions, {
      event-publisher = merge(var.functions.event-publisher, {
        uses = merge(var.functions.event-publisher.uses, { ALERTS_TOPIC_ARN = { topic = "alerts", access = "write" } })
      })
    })
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["billing"].protocol == "sqs" &&
      aws_sns_topic_subscription.this["billing"].raw_message_delivery &&
      aws_sns_topic_subscription.this["billing"].filter_policy_scope == "MessageAttributes" &&
      jsondecode(aws_sns_topic_subscription.this["billing"].filter_policy).price[0].numeric[1] == 100 &&
      aws_sns_topic_subscription.this["audit"].protocol == "lambda" &&
      !aws_sns_topic_subscription.this["audit"].raw_message_delivery &&
      aws_sns_topic_subscription.this["audit"].filter_policy_scope == "MessageBody" &&
      aws_sns_topic_subscription.this["ordered"].filter_policy == null
    )
    error_message = "A subscription differs from its declaration."
  }

  assert {
    condition = (
      local.names.topics == { alerts = "shop-test-alerts", steps = "shop-test-steps.fifo" } &&
      local.topics_to_queue["work"] == tolist([local.arns.topics.alerts]) &&
      local.topics_to_queue["rule-failures"] == tolist([local.arns.topics.alerts]) &&
      local.topics_to_queue["ordered-dead"] == tolist([local.arns.topics.steps]) &&
      length(local.topics_to_queue["dead-letters"]) == 0
    )
    error_message = "A queue lets another topic write than its own."
  }

  assert {
    condition = (
      local.topics_of_function["notification"] == { audit = local.arns.topics.alerts } &&
      length(local.topics_of_function["event-publisher"]) == 0
    )
    error_message = "Another topic may invoke a function than the one that it subscribes to."
  }

  assert {
    condition = [
      for statement in local.statements["event-publisher"] : statement if statement.Sid == "UsesAlertsTopicArn"
      ] == [{
        Sid      = "UsesAlertsTopicArn"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = "arn:aws:sns:us-east-1:123456789012:shop-test-alerts"
    }]
    error_message = "A function that publishes may do more, or less."
  }

  assert {
    condition     = local.uses["event-publisher"].ALERTS_TOPIC_ARN.value == local.arns.topics.alerts
    error_message = "The variable does not hold the topic's ARN."
  }
}

run "what_a_topic_cannot_deliver_is_watched" {
  command = plan

  assert {
    condition = toset([
      for key, alarm in local.alarms : "${key} ${alarm.metric} ${alarm.dimensions.TopicName} ${alarm.tells}" if startswith(key, "topic-")
      ]) == toset([
      "topic-alerts-failed NumberOfNotificationsFailed shop-test-alerts ticket",
      "topic-alerts-dead-lettered NumberOfNotificationsRedrivenToDlq shop-test-alerts ticket",
      "topic-alerts-lost NumberOfNotificationsFailedToRedriveToDlq shop-test-alerts page",
      "topic-alerts-invalid-attributes NumberOfNotificationsFilteredOut-InvalidAttributes shop-test-alerts ticket",
      "topic-alerts-invalid-body NumberOfNotificationsFilteredOut-InvalidMessageBody shop-test-alerts ticket",
      "topic-steps-failed NumberOfNotificationsFailed shop-test-steps.fifo ticket",
      "topic-steps-dead-lettered NumberOfNotificationsRedrivenToDlq shop-test-steps.fifo ticket",
      "topic-steps-lost NumberOfNotificationsFailedToRedriveToDlq shop-test-steps.fifo page",
    ])
    error_message = "A topic is not watched, or by other metrics."
  }

  assert {
    condition     = contains(local.dead_letter_queues, "ordered-dead")
    error_message = "The dead letters of a subscription are not watched."
  }
}

run "a_key_lets_topics_write_to_encrypted_queues" {
  command = plan

  variables {
    customer_managed_key = true
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement if statement.Sid == "Topics"
      ] == [{
        Sid       = "Topics"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = "SNS cannot write to encrypted queues, or that of another account can."
  }
}

run "a_subscription_is_complete" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { ordered = { topic = "steps", queue = "ordered" } })
  }

  expect_failures = [var.subscriptions]
}

run "a_subscription_is_of_a_declared_topic" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { ordered = merge(var.subscriptions.ordered, { topic = "refunds" }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_subscription_has_one_receiver" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { billing = merge(var.subscriptions.billing, { function = "notification" }) })
  }

  expect_failures = [var.subscriptions]
}

run "dead_letters_go_to_a_queue_of_the_topics_kind" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { ordered = merge(var.subscriptions.ordered, { dead_letter_queue = "rule-failures" }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_standard_topic_does_not_write_to_a_fifo_queue" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { billing = merge(var.subscriptions.billing, { queue = "ordered" }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_fifo_topic_does_not_invoke_a_function" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, {
      audit = { topic = "steps", function = "notification", dead_letter_queue = "ordered-dead" }
    })
  }

  expect_failures = [var.subscriptions]
}

run "raw_delivery_is_for_queues" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { audit = merge(var.subscriptions.audit, { raw_message_delivery = true }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_filter_policy_is_an_object" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { billing = merge(var.subscriptions.billing, { filter_policy = ["invoice"] }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_filter_policy_has_a_known_scope" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { audit = merge(var.subscriptions.audit, { filter_policy_scope = "text" }) })
  }

  expect_failures = [var.subscriptions]
}

run "a_subscribed_function_keeps_what_it_cannot_handle" {
  command = plan

  variables {
    subscriptions = merge(var.subscriptions, { audit = merge(var.subscriptions.audit, { function = "order-projection" }) })
  }

  expect_failures = [var.subscriptions]
}

run "only_a_fifo_topic_deduplicates" {
  command = plan

  variables {
    topics = merge(var.topics, { alerts = { content_based_deduplication = true } })
  }

  expect_failures = [var.topics]
}
