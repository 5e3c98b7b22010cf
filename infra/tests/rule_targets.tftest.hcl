# What EventBridge gets for each kind of target and input, and what it may write to.

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

  buses  = { shop = { archive_days = 30 }, audit = {} }
  topics = { alerts = {} }
}

run "every_target_gets_its_own_input" {
  command = plan

  variables {
    rules = merge(var.rules, {
      every = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        targets = {
          constant = {
            function                  = "notification"
            input                     = { go = [1, "two", true] }
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 1
            maximum_event_age_seconds = 60
          }
          part = {
            queue                     = "dead-letters"
            input_path                = "$.detail"
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 2
            maximum_event_age_seconds = 120
          }
          template = {
            topic = "alerts"
            input_transformer = {
              paths    = { order = "$.detail.subject" }
              template = "{\"order\": <order>, \"rule\": <aws.events.rule-name>}"
            }
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 3
            maximum_event_age_seconds = 180
          }
          record = {
            stream                    = "orders"
            partition_key_path        = "$.detail.subject"
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 4
            maximum_event_age_seconds = 240
          }
          event = {
            bus                       = "audit"
            dead_letter_queue         = "async-failures"
            maximum_retry_attempts    = 5
            maximum_event_age_seconds = 300
          }
        }
      }
    })
  }

  assert {
    condition = alltrue([
      for name in ["constant", "part", "template", "record", "event"] :
      aws_cloudwatch_event_target.this["every/${name}"].target_id == name
    ]) && aws_cloudwatch_event_target.this["order-placed-notification"].target_id == "target"
    error_message = "A target has another name than declared."
  }

  assert {
    condition = (
      aws_cloudwatch_event_target.this["every/constant"].input == jsonencode({ go = [1, "two", true] }) &&
      aws_cloudwatch_event_target.this["every/part"].input_path == "$.detail" &&
      aws_cloudwatch_event_target.this["every/template"].input_transformer[0].input_paths == tomap({ order = "$.detail.subject" }) &&
      aws_cloudwatch_event_target.this["every/template"].input_transformer[0].input_template ==
      "{\"order\": <order>, \"rule\": <aws.events.rule-name>}" &&
      aws_cloudwatch_event_target.this["every/event"].input == null
    )
    error_message = "A target gets something else than declared."
  }

  assert {
    condition = (
      aws_cloudwatch_event_target.this["every/record"].kinesis_target[0].partition_key_path == "$.detail.subject" &&
      aws_cloudwatch_event_target.this["every/event"].retry_policy[0].maximum_retry_attempts == 5
    )
    error_message = "A target lacks its partition key or its retries."
  }

  assert {
    condition = (
      contains(local.rules_to_queue["dead-letters"], local.arns.rules["every"]) &&
      contains(local.rules_to_queue["async-failures"], local.arns.rules["every"]) &&
      local.rules_to_topic["alerts"] == [local.arns.rules["every"]]
    )
    error_message = "The rule may not write to one of its targets or dead-letter queues."
  }

  assert {
    condition     = contains(local.dead_letter_queues, "async-failures") && length(local.rule_dead_letters["every"]) == 2
    error_message = "A dead-letter queue of a target has no alarm."
  }

  assert {
    condition     = strcontains(local.rule_alarms["rule-every-lost"].description, "nor to rule-failures, async-failures.")
    error_message = "The alarm does not name the queues."
  }
}

run "a_role_names_what_the_rule_writes_to_and_no_more" {
  command = plan

  variables {
    rules = merge(var.rules, {
      copy = {
        bus     = "shop"
        pattern = { source = ["shop.orders"] }
        targets = {
          stream = {
            stream                    = "orders"
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 185
            maximum_event_age_seconds = 86400
          }
          bus = {
            bus                       = "audit"
            dead_letter_queue         = "rule-failures"
            maximum_retry_attempts    = 185
            maximum_event_age_seconds = 86400
          }
        }
      }
    })
  }

  assert {
    condition     = keys(local.rules_with_role) == ["copy"]
    error_message = "A rule without streams and buses has a role."
  }

  assert {
    condition = (
      module.rule_role["copy"].trust.Condition.StringEquals["aws:SourceArn"] == local.arns.rules["copy"] &&
      module.rule_role["copy"].trust.Condition.StringEquals["aws:SourceAccount"] == local.account_id
    )
    error_message = "Another rule may use the role."
  }

  assert {
    condition = jsonencode([for statement in module.rule_role["copy"].statements : [statement.Action, statement.Resource]]) == jsonencode([
      [["kinesis:PutRecord", "kinesis:PutRecords"], [local.arns.streams["orders"]]],
      [["events:PutEvents"], [local.arns.buses["audit"]]],
    ])
    error_message = "The role allows something else than the targets."
  }

  assert {
    condition = anytrue([
      for statement in local.deployer_policy.Statement :
      contains(statement.Condition.StringEquals["iam:PassedToService"], "events.amazonaws.com")
      if statement.Sid == "PassRole"
    ])
    error_message = "Whoever deploys may not give the role to EventBridge."
  }
}

run "an_operator_replays_the_archives_of_this_environment" {
  command = plan

  assert {
    condition = jsonencode([
      for statement in local.operator_policy.Statement : statement.Resource if statement.Sid == "ArchiveReplay"
      ]) == jsonencode([[
        "arn:aws:events:us-east-1:123456789012:archive/shop-test-shop",
        "arn:aws:events:us-east-1:123456789012:replay/shop-test-*",
    ]])
    error_message = "An operator cannot replay, or can replay more than this environment."
  }

  assert {
    condition = alltrue([
      for statement in local.deployer_policy.Statement :
      !strcontains(jsonencode(statement.Condition.StringEquals["iam:PassedToService"]), "events.amazonaws.com")
      if statement.Sid == "PassRole"
    ])
    error_message = "Without a rule that needs a role, none is given to EventBridge."
  }
}
