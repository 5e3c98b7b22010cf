# The policies for operators, producers and deployments: what they need, and what they could
# otherwise be abused for.

mock_provider "aws" {
  source = "./tests/mocks"
}

# As on an emulator, where the declared addresses will do. The prefix is what keeps environments
# apart.
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
      for statement in jsondecode(policy).Statement : [
        for action in statement.Action : !strcontains(action, "*") && statement.Effect == "Allow"
      ]
    ]]))
    error_message = "A policy has a wildcard in an action."
  }

  # Every resource either has the prefix, or is the environment's key.
  assert {
    condition = alltrue(flatten([for policy in [output.operator_policy, output.producer_policy] : [
      for statement in jsondecode(policy).Statement : [
        for resource in statement.Resource : strcontains(resource, "shop-prod-") || resource == local.kms_key_arn
      ]
    ]]))
    error_message = "An operator or a producer reaches what is not of this environment."
  }

  # Where AWS knows no resources: lists, mappings (which a condition ties to the functions),
  # composite alarms, deliveries of access logs, SES's senders and new keys.
  assert {
    condition = [
      for statement in jsondecode(output.deployer_policy).Statement : statement.Sid if contains(statement.Resource, "*")
      ] == ["Mappings", "CompositeAlarms", "LogDelivery", "Senders", "NewKey", "NewKeyTags", "Lists"] && alltrue([
        for statement in jsondecode(output.deployer_policy).Statement : can(statement.Condition) if contains(
          ["Mappings", "NewKey", "NewKeyTags", "OwnKey", "PassRole"], statement.Sid
        )
    ])
    error_message = "A deployment may change what is not of this environment."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.deployer_policy).Statement : [
        for action in statement.Action : can(regex(":(Get|List|Describe)", action))
      ] if statement.Sid == "Lists"
    ]))
    error_message = "Something that changes is allowed on every resource."
  }

  # The longest that IAM takes for a managed policy, spaces not counted.
  assert {
    condition = alltrue([
      for policy in [output.operator_policy, output.producer_policy] : length(policy) <= 6144
    ]) && length(output.deployer_policy) <= 10240
    error_message = join(" ", [
      "A policy is too long to be attached: operator ${length(output.operator_policy)},",
      "producer ${length(output.producer_policy)}, deployer ${length(output.deployer_policy)} characters.",
    ])
  }
}

run "an_operator_works_on_letters_and_nothing_else" {
  command = apply

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.operator_policy).Statement : statement.Resource if statement.Sid == "LetterObjects"
      ])) == toset(concat(["arn:aws:s3:::shop-prod-dead-letters-123456789012/aws/lambda/*"], [
      for name in keys(var.functions) : "arn:aws:s3:::shop-prod-dead-letters-123456789012/shop-prod-${name}/*"
    ]))
    error_message = "A letter could name an object of no function."
  }

  # Those of older versions too, which have no function in their name.
  assert {
    condition = {
      for statement in jsondecode(output.operator_policy).Statement : statement.Sid => [statement.Action, statement.Resource]
      if statement.Sid == "HeldEvents"
      } == {
      HeldEvents = [["s3:DeleteObject", "s3:GetObject"], ["arn:aws:s3:::shop-prod-dead-letters-123456789012/held/*.json"]]
    }
    error_message = "An operator cannot read or delete the events of held effects, or may do more: ${output.operator_policy}"
  }

  # The process's words, and what `shop shipment` sends.
  assert {
    condition = [
      for statement in jsondecode(output.operator_policy).Statement : toset(statement.Resource) if statement.Sid == "Inputs"
    ] == [toset([for name in ["fulfilment", "shipping"] : "arn:aws:sqs:us-east-1:123456789012:shop-prod-${name}"])]
    error_message = "An operator sends to other queues than those of operators: ${output.operator_policy}"
  }

  # So that what has expired is told from what is forbidden.
  assert {
    condition = [
      for statement in jsondecode(output.operator_policy).Statement : [
        statement.Resource, toset(statement.Condition.StringLike["s3:prefix"])
      ] if contains(statement.Action, "s3:ListBucket")
      ] == [[
        ["arn:aws:s3:::shop-prod-dead-letters-123456789012"], toset(
          concat(["aws/lambda/*", "held/*"], [for name in keys(var.functions) : "shop-prod-${name}/*"])
        )
    ]]
    error_message = "An operator lists more of a bucket than letters and held events, or not that one is gone: ${output.operator_policy}"
  }

  # Mappings and rules invoke the alias; without it a replay would run another version.
  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.operator_policy).Statement : statement.Resource
      if contains(statement.Action, "lambda:InvokeFunction")
    ])) == toset([for name in keys(var.functions) : "arn:aws:lambda:us-east-1:123456789012:function:shop-prod-${name}:live"])
    error_message = "An operator invokes something else than the aliases."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.operator_policy).Statement : statement.Resource
      if anytrue([for action in statement.Action : can(regex("dynamodb:(Put|Update|Delete|BatchWrite|Transact)", action))])
      ])) == toset([
      for table in ["breakers", "event-store", "idempotency"] : "arn:aws:dynamodb:us-east-1:123456789012:table/shop-prod-${table}"
    ])
    error_message = "An operator may change other tables than those of effects, breakers and their events."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.operator_policy).Statement :
      try(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["breaker#*"], false)
      if anytrue([for action in statement.Action : can(regex("dynamodb:(Put|Update|Delete)", action))]) &&
      anytrue([for resource in statement.Resource : endswith(resource, "table/shop-prod-event-store")])
    ])
    error_message = "An operator may write other events than those of breakers."
  }
}

run "a_producer_writes_and_reads_nothing" {
  command = apply

  assert {
    condition = {
      for statement in jsondecode(output.producer_policy).Statement : statement.Sid => [statement.Action, statement.Resource]
      } == {
      Streams = [["kinesis:PutRecord", "kinesis:PutRecords"], ["arn:aws:kinesis:us-east-1:123456789012:stream/shop-prod-orders"]]
      Key     = [["kms:GenerateDataKey"], [local.kms_key_arn]]
    }
    error_message = "A producer may do more than put records, or cannot: ${output.producer_policy}"
  }
}

run "a_queue_that_is_filled_from_outside_is_a_producers_too" {
  command = apply

  variables {
    queues = merge(var.queues, {
      refunds = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 60
        redrive                    = { queue = "dead-letters", maximum_receives = 5 }
      }
    })
    functions = merge(var.functions, {
      notification = merge(var.functions.notification, {
        sources = {
          refunds = { queue = "refunds", batch_size = 10, report_batch_item_failures = true, maximum_concurrency = 2 }
        }
      })
    })
  }

  assert {
    condition = [
      for statement in jsondecode(output.producer_policy).Statement : statement.Resource if statement.Sid == "Queues"
    ] == [["arn:aws:sqs:us-east-1:123456789012:shop-prod-refunds"]]
    error_message = "A producer cannot fill the queue, or may fill another."
  }
}

# A function may keep the events of held effects in any bucket that it writes to.
run "held_events_in_a_bucket_of_their_own_are_an_operators_and_do_not_expire" {
  command = apply

  variables {
    buckets = merge(var.buckets, { held-events = { expiration_days = 14 }, brochures = { expiration_days = 14 } })
    functions = merge(var.functions, { notification = merge(var.functions.notification, { uses = merge(var.functions.notification.uses, {
      EVENT_BUCKET    = { bucket = "held-events", access = "write" }
      BROCHURE_BUCKET = { bucket = "brochures", access = "read" }
    }) }) })
  }

  assert {
    condition = flatten([
      for statement in jsondecode(output.operator_policy).Statement : statement.Resource if statement.Sid == "HeldEvents"
      ]) == [
      "arn:aws:s3:::shop-prod-dead-letters-123456789012/held/*.json", "arn:aws:s3:::shop-prod-held-events-123456789012/held/*.json"
    ]
    error_message = "An operator cannot release what is in a bucket of its own, or reads what no effect names: ${output.operator_policy}"
  }

  assert {
    condition = [
      for name in ["held-events", "brochures", "dead-letters"] : length(module.bucket[name].expiring_prefixes)
    ] == [0, 1, length(var.functions) + 1]
    error_message = "The event of a held effect expires, or what nobody waits for does not."
  }

  expect_failures = [check.nothing_expires_that_an_effect_waits_for]
}

run "a_deployment_may_do_what_the_provider_does" {
  command = apply

  assert {
    condition = {
      for statement in jsondecode(output.deployer_policy).Statement : statement.Sid => statement
      if contains(["MappingTags", "CompositeAlarms", "NewKeyTags", "Objects"], statement.Sid)
      } == {
      MappingTags = {
        Sid      = "MappingTags"
        Effect   = "Allow"
        Action   = ["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"]
        Resource = ["arn:aws:lambda:us-east-1:123456789012:event-source-mapping:*"]
      }
      CompositeAlarms = {
        Sid      = "CompositeAlarms"
        Effect   = "Allow"
        Action   = ["cloudwatch:DeleteAlarms", "cloudwatch:PutCompositeAlarm"]
        Resource = ["*"]
      }
      NewKeyTags = { Sid = "NewKeyTags", Effect = "Allow", Action = ["kms:TagResource"], Resource = ["*"], Condition = {
        StringEquals = { "aws:RequestTag/environment" = "prod" }, StringEqualsIfExists = { "aws:ResourceTag/environment" = "prod" }
      } }
    }
    error_message = "A deployment lacks what AWS asks for: ${output.deployer_policy}"
  }

  assert {
    condition     = !strcontains(output.deployer_policy, "PermissionsBoundary")
    error_message = "A deployment may bound roles where nothing bounds them."
  }
}

run "a_deployment_empties_buckets_and_bounds_roles_where_that_is_set" {
  command = apply

  variables {
    force_destroy            = true
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/bound"
  }

  assert {
    condition = flatten([
      for statement in jsondecode(output.deployer_policy).Statement : [statement.Action, statement.Resource]
      if statement.Sid == "Objects"
    ]) == ["s3:DeleteObject", "s3:DeleteObjectVersion", "arn:aws:s3:::shop-prod-*/*"]
    error_message = "A bucket that holds something cannot be deleted: ${output.deployer_policy}"
  }

  assert {
    condition = [
      for statement in jsondecode(output.deployer_policy).Statement : [
        statement.Action, statement.Condition.StringEquals["iam:PermissionsBoundary"]
      ] if statement.Sid == "RolesWithin"
      ] == [[
        ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"], "arn:aws:iam::123456789012:policy/bound"
    ]]
    error_message = "A role cannot be given its boundary, or one without: ${output.deployer_policy}"
  }
}

# Services have other names in some parts of AWS.
run "a_key_is_used_through_the_services_of_its_partition" {
  command = apply

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  assert {
    condition = alltrue(flatten([for policy in [
      output.operator_policy,
      output.producer_policy,
      jsonencode(local.deployer_policy),
      jsonencode({ Statement = flatten([for statements in values(local.statements) : statements]) }),
      ] : [
      for service in flatten([
        for statement in jsondecode(policy).Statement : try(statement.Condition.StringLike["kms:ViaService"], [])
      ]) : endswith(service, ".amazonaws.com.cn")
    ]]))
    error_message = "A policy lets the key be used through services that are not there."
  }
}
