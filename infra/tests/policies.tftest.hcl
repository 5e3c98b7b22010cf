# The policies for operators, producers and deployments: what they need, and what they could otherwise be abused for.

mock_provider "aws" {
  source = "./tests/mocks"
}

# As on an emulator, where the declared addresses will do. The prefix is what keeps environments apart.
variables {
  environment          = "prod"
  sender_owner         = "prod"
  name_prefix          = "shop-prod-"
  placeholder_zip      = "./tests/placeholder.zip"
  deletion_protection  = false
  customer_managed_key = true

  email_addresses    = { "orders@shop.example.com" = "orders@shop.test" }
  function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "shop.test" } } }
}

run "no_policy_reaches_beyond_its_environment" {
  command = apply

  assert {
    condition = alltrue(flatten([for policy in [output.operator_policy, output.producer_policy, output.deployer_policy] : [
      for statement in jsondecode(policy).Statement : [for action in statement.Action : !strcontains(action, "*") && statement.Effect == "Allow"]
    ]]))
    error_message = "A policy has a wildcard in an action."
  }

  # Every resource either has the prefix, or is the environment's key.
  assert {
    condition = alltrue(flatten([for policy in [output.operator_policy, output.producer_policy] : [
      for statement in jsondecode(policy).Statement : [for resource in statement.Resource : strcontains(resource, "shop-prod-") || resource == local.kms_key_arn]
    ]]))
    error_message = "An operator or a producer reaches what is not of this environment."
  }

  # Where AWS knows no resources: lists, mappings (which a condition ties to the functions), SES's senders and new keys.
  assert {
    condition = [for statement in jsondecode(output.deployer_policy).Statement : statement.Sid if contains(statement.Resource, "*")] == ["Mappings", "Senders", "NewKey", "Lists"] && alltrue([
      for statement in jsondecode(output.deployer_policy).Statement : can(statement.Condition) if contains(["Mappings", "NewKey", "OwnKey", "PassRole"], statement.Sid)
    ])
    error_message = "A deployment may change what is not of this environment."
  }

  assert {
    condition     = alltrue(flatten([for statement in jsondecode(output.deployer_policy).Statement : [for action in statement.Action : can(regex(":(Get|List|Describe)", action))] if statement.Sid == "Lists"]))
    error_message = "Something that changes is allowed on every resource."
  }

  # The longest that IAM takes for a managed policy, spaces not counted.
  assert {
    condition     = alltrue([for policy in [output.operator_policy, output.producer_policy] : length(policy) <= 6144]) && length(output.deployer_policy) <= 10240
    error_message = "A policy is too long to be attached: operator ${length(output.operator_policy)}, producer ${length(output.producer_policy)}, deployer ${length(output.deployer_policy)} characters."
  }
}

run "an_operator_works_on_letters_and_nothing_else" {
  command = apply

  assert {
    condition = toset(flatten([for statement in jsondecode(output.operator_policy).Statement : statement.Resource if statement.Sid == "LetterObjects"])) == toset(concat(["arn:aws:s3:::shop-prod-dead-letters-123456789012/aws/lambda/*"], flatten([
      for name in keys(var.functions) : [for below in ["", "held/"] : "arn:aws:s3:::shop-prod-dead-letters-123456789012/${below}shop-prod-${name}/*"]
    ])))
    error_message = "A letter could name an object of no function."
  }

  # Mappings and rules invoke the alias; without it a replay would run another version.
  assert {
    condition     = toset(flatten([for statement in jsondecode(output.operator_policy).Statement : statement.Resource if contains(statement.Action, "lambda:InvokeFunction")])) == toset([for name in keys(var.functions) : "arn:aws:lambda:us-east-1:123456789012:function:shop-prod-${name}:live"])
    error_message = "An operator invokes something else than the aliases."
  }

  assert {
    condition     = toset(flatten([for statement in jsondecode(output.operator_policy).Statement : statement.Resource if anytrue([for action in statement.Action : can(regex("dynamodb:(Put|Update|Delete|BatchWrite|Transact)", action))])])) == toset(["arn:aws:dynamodb:us-east-1:123456789012:table/shop-prod-idempotency"])
    error_message = "An operator may change other tables than those of effects."
  }
}

run "a_producer_writes_and_reads_nothing" {
  command = apply

  assert {
    condition = { for statement in jsondecode(output.producer_policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      Streams = [["kinesis:PutRecord", "kinesis:PutRecords"], ["arn:aws:kinesis:us-east-1:123456789012:stream/shop-prod-orders"]]
      Key     = [["kms:GenerateDataKey"], [local.kms_key_arn]]
    }
    error_message = "A producer may do more than put records, or cannot: ${output.producer_policy}"
  }
}

run "a_queue_that_is_filled_from_outside_is_a_producers_too" {
  command = apply

  variables {
    queues    = merge(var.queues, { refunds = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "dead-letters", maximum_receives = 5 } } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { sources = { refunds = { queue = "refunds", batch_size = 10, report_batch_item_failures = true, maximum_concurrency = 2 } } }) })
  }

  assert {
    condition     = [for statement in jsondecode(output.producer_policy).Statement : statement.Resource if statement.Sid == "Queues"] == [["arn:aws:sqs:us-east-1:123456789012:shop-prod-refunds"]]
    error_message = "A producer cannot fill the queue, or may fill another."
  }
}
