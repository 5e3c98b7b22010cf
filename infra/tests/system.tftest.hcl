# The declared system as a whole: what its functions may do, where failures go, and what the
# switches of an environment change. That dev, prod and local have the same parts is checked by
# infra/tests/environments.py.

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

run "names_and_arns_carry_the_prefix" {
  command = plan

  assert {
    condition = (
      local.names.tables["event-store"] == "shop-test-event-store" &&
      local.names.buckets["dead-letters"] == "shop-test-dead-letters-123456789012"
    )
    error_message = "A name is not put together as documented."
  }

  assert {
    condition = (
      local.arns.functions["notification"] == "arn:aws:lambda:us-east-1:123456789012:function:shop-test-notification" &&
      local.arns.rules["order-placed-notification"] ==
      "arn:aws:events:us-east-1:123456789012:rule/shop-test-shop/shop-test-order-placed-notification"
    )
    error_message = "An ARN is not put together as AWS does."
  }

  assert {
    condition     = alltrue([for kind, names in local.names : alltrue([for name, physical in names : startswith(physical, "shop-test-")])])
    error_message = "A name lacks the prefix, and would collide with another environment."
  }
}

run "letters_expire_and_the_event_of_a_held_effect_does_not" {
  command = plan

  assert {
    condition = toset(module.bucket["dead-letters"].expiring_prefixes) == toset(
      concat([for name in keys(var.functions) : "shop-test-${name}/"], ["aws/lambda/"])
    )
    error_message = "Letters stay, or something else than letters expires."
  }
}

run "every_function_has_its_own_role_and_alias" {
  command = apply

  assert {
    condition = length(distinct(values(output.roles))) == length(var.functions) && alltrue([
      for name, role in output.roles : role == "shop-test-${name}"
    ])
    error_message = "Two functions share a role."
  }

  assert {
    condition     = alltrue([for arn in values(output.functions) : endswith(arn, ":live")])
    error_message = "An output names a function without its alias."
  }
}

run "an_index_is_read_by_those_who_read_its_table" {
  command = plan

  assert {
    condition = {
      for name, statements in local.statements : name => {
        for statement in statements : statement.Sid => {
          on  = [for arn in statement.Resource : trimprefix(arn, "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-")]
          may = statement.Action
        } if endswith(statement.Sid, "Indexes")
      }
      } == merge({ for name in keys(var.functions) : name => {} }, {
        order-api = {
          UsesOrderViewTableIndexes = { on = ["order-view/index/by-customer"], may = ["dynamodb:Query"] }
        }
        order-projection = {
          UsesOrderViewTableIndexes = { on = ["order-view/index/by-customer"], may = ["dynamodb:Query"] }
          UsesFulfilmentsTableIndexes = {
            on = ["fulfilments/index/by-due", "fulfilments/index/by-stuck"], may = ["dynamodb:Query"]
          }
        }
        fulfilment-sweep = {
          UsesFulfilmentsTableIndexes = {
            on = ["fulfilments/index/by-due", "fulfilments/index/by-stuck"], may = ["dynamodb:Query"]
          }
        }
    })
    error_message = "An index may be read by others than its readers, or in other ways."
  }
}

run "statements_are_the_declared_access" {
  command = plan

  # Written out for one function, as an auditor would read it.
  assert {
    condition = {
      for statement in local.statements.notification : statement.Sid => { on = statement.Resource, may = statement.Action }
      } == {
      UsesEventStoreTable = {
        on  = "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-event-store"
        may = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      }
      UsesIdempotencyTable = {
        on = "arn:aws:dynamodb:us-east-1:123456789012:table/shop-test-idempotency"
        may = [
          "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate",
          "dynamodb:PutItem", "dynamodb:UpdateItem",
        ]
      }
      UsesDeadLetterQueueUrl = {
        on  = "arn:aws:sqs:us-east-1:123456789012:shop-test-dead-letters"
        may = ["sqs:SendMessage"]
      }
      UsesDeadLetterBucket = {
        on = [
          "arn:aws:s3:::shop-test-dead-letters-123456789012/shop-test-notification/*",
          "arn:aws:s3:::shop-test-dead-letters-123456789012/held/shop-test-notification/*",
        ]
        may = ["s3:PutObject"]
      }
      UsesSenderAddress = {
        on  = ["arn:aws:ses:us-east-1:123456789012:identity/orders@shop.example.com"]
        may = ["ses:SendEmail"]
      }
      OnFailureAsyncFailures = {
        on  = "arn:aws:sqs:us-east-1:123456789012:shop-test-async-failures"
        may = ["sqs:SendMessage"]
      }
    }
    error_message = "The statements of notification are not what it declares: ${jsonencode(local.statements.notification)}"
  }

  # One statement per use, per source and per queue it gives up to: nothing undeclared.
  assert {
    condition = alltrue([for name, function in var.functions :
      length(local.statements[name]) == sum([
        length(function.uses), length(function.sources), length(local.destination_statements[name]),
        # Indexes are resources of their own.
        length([for use in function.uses : use if try(length(var.tables[use.table].indexes) > 0, false)]),
        # A breaker's row and its events; the role that Scheduler gets with a schedule.
        name == "payment" ? 2 : 0, name == "event-publisher" ? 1 : 0,
      ])
    ])
    error_message = "A function has more statements, or fewer, than it declares."
  }

  assert {
    condition = alltrue(flatten([
      for name, statements in local.statements : [
        for statement in statements :
        length(regexall("[*]", jsonencode(statement.Action))) == 0 && length(
          setintersection(["*", "arn:aws:*"], flatten([statement.Resource]))
        ) == 0
      ]
    ]))
    error_message = "A statement has a wildcard action, or names every resource."
  }

  assert {
    condition = alltrue(flatten([for name, statements in local.statements : [
      for statement in statements : [for resource in flatten([statement.Resource]) :
        length(regexall("[*]", resource)) == 0 || endswith(resource, "/stream/*") || contains(
          ["shop-test-${name}/*", "held/shop-test-${name}/*"],
          trimprefix(resource, "arn:aws:s3:::shop-test-dead-letters-123456789012/"),
        ) || (name == "event-publisher" && resource == "arn:aws:scheduler:us-east-1:123456789012:schedule/shop-test-deadlines/*")
      ]
    ]]))
    error_message = "A wildcard stands for more than the streams of one table or a function's own letters."
  }

  # A letter names an object; by another function's name it could be made to read or replace that
  # one's.
  assert {
    condition = local.bucket_objects.order-processor.dead-letters == [
      "arn:aws:s3:::shop-test-dead-letters-123456789012/shop-test-order-processor/*"
    ]
    error_message = "A function without held effects writes elsewhere than into its own letters."
  }

  assert {
    condition = local.statements.notification[
      index([for statement in local.statements.notification : statement.Sid], "UsesSenderAddress")
    ].Condition == { StringEquals = { "ses:FromAddress" = "orders@shop.example.com" } }
    error_message = "A function may send from other addresses than its own."
  }
}

run "statements_of_partiql_are_for_tables_that_a_function_writes" {
  command = plan

  # By access: what of PartiQL each allows. Nothing may select.
  assert {
    condition = {
      for access, actions in local.actions.table : access => join(" ", sort([
        for action in actions : trimprefix(action, "dynamodb:PartiQL") if startswith(action, "dynamodb:PartiQL")
      ]))
      } == {
      read       = ""
      append     = "Insert"
      write      = "Delete Insert Update"
      read-write = "Delete Insert Update"
    }
    error_message = "An access to a table allows other statements: ${jsonencode(local.actions.table)}"
  }

  assert {
    condition = alltrue([
      for name in local.function_names : !contains(keys(local.environments[name]), "TIDEGATE_STATEMENTS")
    ])
    error_message = "A function is told to send batches, which is what it does."
  }
}

run "functions_send_single_writes_if_the_topology_asks_for_it" {
  command = plan

  variables {
    statements = "single"
  }

  assert {
    condition = {
      for name in local.function_names : name => lookup(local.environments[name], "TIDEGATE_STATEMENTS", null)
      } == {
      event-publisher  = null
      fulfilment       = "single"
      fulfilment-sweep = null
      inventory        = "single"
      ledger           = "single"
      notification     = "single"
      order-api        = "single"
      order-processor  = "single"
      order-projection = "single"
      payment          = "single"
      shipping         = "single"
    }
    error_message = "A function that writes to a table sends batches, or one that does not is told how."
  }
}

run "functions_are_told_what_they_use" {
  command = apply

  assert {
    condition = alltrue([
      for name, function in var.functions :
      toset(keys(local.environments[name])) == setunion(
        keys(function.uses),
        keys(function.environment),
        ["TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS", "TIDEGATE_EVENT_BYTES_LIMIT", "TIDEGATE_METRICS"],
        # Records of an API's function have no age: a client waits for each.
        name == "order-api" ? [] : ["TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS"],
        anytrue([for source in function.sources : source.dead_letter_after_seconds != null]) ? ["TIDEGATE_DEAD_LETTER_AFTER_SECONDS"] : [],
        name == "notification" ? ["TIDEGATE_IDEMPOTENCY_DAYS"] : [],
        name == "payment" ? ["TIDEGATE_BREAKER_PAYMENT_PROVIDER"] : [],
        name == "event-publisher" ? ["DEADLINES_DEAD_LETTER_ARN", "DEADLINES_ROLE_ARN", "DEADLINES_TARGET_FULFILMENT"] : [],
      )
    ])
    error_message = "A function has other variables than it declares."
  }

  assert {
    condition = (
      local.environments["order-processor"].EVENT_STORE_TABLE == "shop-test-event-store" &&
      local.environments["order-processor"].TIDEGATE_DEAD_LETTER_AFTER_SECONDS == "10800" &&
      local.environments["order-processor"].TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS == "21600" &&
      local.environments["notification"].TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS == "21600" &&
      local.environments["order-processor"].TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS == "4000" &&
      local.environments["notification"].TIDEGATE_METRICS == var.metrics_namespace &&
      local.environments["notification"].SENDER_ADDRESS == "orders@shop.example.com" &&
      local.environments["notification"].TIDEGATE_IDEMPOTENCY_DAYS == tostring(var.tables.idempotency.record_retention_days)
    )
    error_message = "A variable has another value than the name of its resource."
  }
}

run "functions_get_the_declared_format_of_commits" {
  command = plan

  variables {
    tables = merge(var.tables, { event-store = merge(var.tables.event-store, { commit_format = 1 }) })
  }

  assert {
    condition = (
      local.environments["order-processor"].TIDEGATE_COMMIT_FORMAT == "1" &&
      alltrue([for variables in values(local.environments) : lookup(variables, "TIDEGATE_COMMIT_FORMAT", "1") == "1"])
    )
    error_message = "A function writes commits in another format than its event store declares."
  }
}

# By a smaller age it would give up what the other source goes on delivering.
run "a_function_is_told_the_largest_age_of_its_sources" {
  command = plan

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
    condition = (
      local.record_ages["notification"] == [345600, 21600] &&
      local.environments["notification"].TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS == "345600"
    )
    error_message = join(" ", [
      "It gets ${local.environments["notification"].TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS}",
      "of ${join(", ", local.record_ages["notification"])} seconds.",
    ])
  }
}

run "an_environment_has_its_own_sender_and_sizes" {
  command = plan

  variables {
    email_addresses    = { "orders@shop.example.com" = "orders@example.org" }
    function_overrides = { order-projection = { memory_mb = 1024, environment = { SALES_SLICES = "8" } } }
    stream_shards      = { orders = 2 }
  }

  assert {
    condition = (
      local.environments["notification"].SENDER_ADDRESS == "orders@example.org" &&
      aws_ses_email_identity.this["orders@shop.example.com"].email == "orders@example.org"
    )
    error_message = "The sender is still the declared address."
  }

  assert {
    condition     = local.environments["order-projection"].SALES_SLICES == "8"
    error_message = "The override of a variable has no effect."
  }
}

run "another_environment_has_registered_the_sender" {
  command = plan

  variables {
    sender_owner = "prod"
  }

  assert {
    condition = (
      length(aws_ses_email_identity.this) == 0 &&
      local.environments["notification"].SENDER_ADDRESS == "orders@shop.example.com"
    )
    error_message = "The address of another environment would be deleted with this one, or is not sent from."
  }
}

run "a_statement_is_named_by_letters_and_digits_and_once" {
  command = apply

  variables {
    functions = merge(var.functions, { notification = merge(var.functions.notification, {
      uses = {
        for variable in ["KEY", "LOGS", "TRACES", "SOURCE_SALES", "SALES_TABLE_2"] :
        variable => { table = "sales", access = "read" }
      }
    }) })
    customer_managed_key = true
    xray_tracing         = true
  }

  assert {
    condition = alltrue([for name, statements in local.statements :
      alltrue([
        for statement in statements : can(regex("^[0-9A-Za-z]+$", statement.Sid))
      ]) && length(distinct(concat(["Logs"], statements[*].Sid))) == 1 + length(statements)
    ])
    error_message = "IAM takes no such policy: ${jsonencode([for statement in local.statements.notification : statement.Sid])}"
  }
}

run "what_eventbridge_cannot_hand_over_is_kept" {
  command = plan

  assert {
    condition = alltrue([
      for name, rule in var.rules :
      aws_cloudwatch_event_target.this[name].retry_policy[0].maximum_event_age_in_seconds == rule.target.maximum_event_age_seconds &&
      aws_cloudwatch_event_target.this[name].retry_policy[0].maximum_retry_attempts == rule.target.maximum_retry_attempts
    ])
    error_message = "A target is retried for another time than declared."
  }

  assert {
    condition = alltrue([
      for name, rule in var.rules : contains(local.rules_to_queue[rule.target.dead_letter_queue], local.arns.rules[name])
    ])
    error_message = "A rule may not write to its dead-letter queue."
  }

  assert {
    condition = jsondecode(
      aws_cloudwatch_event_rule.this["order-placed-notification"].event_pattern
    ) == { source = ["shop.orders"], detail-type = ["OrderPlaced"] }
    error_message = "The pattern differs from the declared one."
  }
}

run "traces_add_one_statement" {
  command = plan

  variables {
    xray_tracing = true
  }

  assert {
    condition = alltrue([
      for name, statements in local.statements :
      [for statement in statements : statement.Sid if contains(flatten([statement.Resource]), "*")] == ["Traces"]
    ])
    error_message = "Tracing is not allowed, or something else got all resources with it."
  }
}

run "a_key_of_ones_own_is_rotated_and_used_through_services" {
  command = apply

  variables {
    customer_managed_key = true
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && local.kms_key_arn == aws_kms_key.this[0].arn
    error_message = "The key is not rotated, or not used."
  }

  assert {
    condition = alltrue([
      for name, statements in local.statements :
      alltrue([
        for statement in statements : can(statement.Condition.StringLike["kms:ViaService"]) if statement.Sid == "Key"
      ]) && contains([for statement in statements : statement.Sid], "Key")
    ])
    error_message = "A function may not use the key, or may use it without a service in between."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement
      if try(statement.Principal.Service == "cloudwatch.amazonaws.com", false)
    ][*].Condition == [{ StringEquals = { "aws:SourceAccount" = "123456789012" } }]
    error_message = "Alarms could not be sent to an encrypted topic, or those of other accounts could."
  }

  # EventBridge gives KMS neither account nor rule: any condition would keep it out.
  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : {
        may = statement.Action, if = try(statement.Condition, null)
      } if try(statement.Principal.Service == "events.amazonaws.com", false)
    ] == [{ may = ["kms:Decrypt", "kms:GenerateDataKey*"], if = null }]
    error_message = "EventBridge could not write to an encrypted dead-letter queue."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : toset(statement.Action)
      if try(statement.Principal.Service == "logs.us-east-1.amazonaws.com", false)
    ] == [toset(["kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"])]
    error_message = "CloudWatch may not do with the key what it needs for logs."
  }
}

run "without_a_key_of_ones_own_nobody_needs_one" {
  command = plan

  assert {
    condition = length(aws_kms_key.this) == 0 && local.kms_key_arn == null && !anytrue([
      for name, statements in local.statements : contains([for statement in statements : statement.Sid], "Key")
    ])
    error_message = "There is a key that nobody asked for."
  }
}

run "schemas_of_the_events_are_registered" {
  command = plan

  variables {
    schema_registry = true
  }

  assert {
    condition = toset(keys(aws_schemas_schema.event)) == toset([
      for file in fileset("../events/registry", "*.json") : trimsuffix(file, ".json")
    ]) && length(aws_schemas_schema.event) > 0
    error_message = "The registry has other schemas than events/registry."
  }

  assert {
    condition = alltrue([
      for name, schema in aws_schemas_schema.event :
      startswith(jsondecode(schema.content).openapi, "3.") && schema.type == "OpenApi3"
    ])
    error_message = "A schema is no OpenAPI document."
  }
}

run "an_emulator_can_do_without_schemas" {
  command = plan

  variables {
    schema_registry = false
  }

  assert {
    condition     = length(aws_schemas_schema.event) == 0 && length(aws_schemas_registry.events) == 0
    error_message = "There is a registry although it is off."
  }
}

# A folder and an entry in the topology are all that a new function takes.
run "a_new_function_gets_everything_from_its_entry" {
  command = apply

  variables {
    functions = merge(var.functions, {
      refunds = {
        memory_mb           = 256
        timeout_seconds     = 20
        maximum_concurrency = 4
        environment         = { REFUND_LIMIT = "100" }
        uses = {
          EVENT_STORE_TABLE = { table = "event-store", access = "read-write" }
          EVENT_BUS         = { bus = "shop", access = "write" }
        }
        sources = {
          refund-requests = { queue = "refund-requests", batch_size = 10, report_batch_item_failures = true, maximum_concurrency = 4 }
        }
        asynchronous = { maximum_retry_attempts = 1, maximum_event_age_seconds = 3600, on_failure = { queue = "async-failures" } }
      }
    })
    queues = merge(var.queues, {
      refund-requests = {
        retention_seconds          = 345600
        visibility_timeout_seconds = 120
        redrive                    = { queue = "dead-letters", maximum_receives = 5 }
      }
    })
    rules = merge(var.rules, {
      order-placed-refunds = {
        bus     = "shop"
        pattern = { source = ["shop.orders"], detail-type = ["ReturnRecorded"] }
        target = {
          function                  = "refunds"
          dead_letter_queue         = "rule-failures"
          maximum_retry_attempts    = 185
          maximum_event_age_seconds = 86400
        }
      }
    })
  }

  assert {
    condition = (
      output.roles["refunds"] == "shop-test-refunds" &&
      contains(keys(output.functions), "refunds") &&
      output.log_groups["refunds"] == "/aws/lambda/shop-test-refunds"
    )
    error_message = "The new function lacks its role, alias or log group."
  }

  assert {
    condition = toset([for statement in local.statements.refunds : statement.Sid]) == toset([
      "UsesEventBus", "UsesEventStoreTable", "SourceRefundRequests", "OnFailureAsyncFailures"
    ])
    error_message = "The new function's role allows something else than it declares."
  }

  assert {
    condition     = local.environments.refunds.EVENT_BUS == "shop-test-shop" && local.environments.refunds.REFUND_LIMIT == "100"
    error_message = "The new function is not told what it uses."
  }

  # The mocked ARN: what comes out of the queue, for which Terraform waits, and not what is put
  # together from names.
  assert {
    condition = {
      for queue, redrive in aws_sqs_queue_redrive_policy.this :
      queue => { of = redrive.queue_url, is = jsondecode(redrive.redrive_policy) } if queue == "refund-requests"
      } == {
      refund-requests = {
        of = output.queues["refund-requests"]
        is = { deadLetterTargetArn = "arn:aws:sqs:us-east-1:123456789012:mocked", maxReceiveCount = 5 }
      }
    }
    error_message = "The new queue's redrive differs, or is made before the queue that it names."
  }

  assert {
    condition = (
      aws_cloudwatch_event_target.this["order-placed-refunds"].arn == output.functions["refunds"] &&
      local.redrive_sources["dead-letters"] == [local.arns.queues["refund-requests"]]
    )
    error_message = "The new rule does not reach the function, or the new queue may not redrive."
  }
}

run "what_is_given_up_goes_where_the_topology_says" {
  command = plan

  variables {
    topics = { given-up = {} }
    functions = merge(var.functions, {
      order-processor = merge(var.functions.order-processor, {
        sources = {
          orders = merge(var.functions.order-processor.sources.orders, { on_failure = { bucket = "dead-letters" } })
        }
      })
      event-publisher = merge(var.functions.event-publisher, {
        sources = {
          event-store = merge(var.functions.event-publisher.sources.event-store, { on_failure = { topic = "given-up" } })
        }
      })
      notification = merge(var.functions.notification, {
        asynchronous = {
          maximum_retry_attempts = 2, maximum_event_age_seconds = 21600, on_failure = { function = "order-projection" }
        }
      })
    })
  }

  assert {
    condition = toset(concat(
      [
        for statement in local.destination_statements.order-processor :
        join(" ", concat([statement.Sid], statement.Action, flatten([statement.Resource])))
      ],
      [
        for statement in local.destination_statements.event-publisher :
        join(" ", concat([statement.Sid], statement.Action, flatten([statement.Resource])))
      ],
      [
        for statement in local.destination_statements.notification :
        join(" ", concat([statement.Sid], statement.Action, flatten([statement.Resource])))
      ],
      )) == toset([
      join(" ", [
        "OnFailureBucketDeadLetters s3:ListBucket s3:PutObject arn:aws:s3:::shop-test-dead-letters-123456789012",
        "arn:aws:s3:::shop-test-dead-letters-123456789012/aws/lambda/*",
      ]),
      "OnFailureTopicGivenUp sns:Publish arn:aws:sns:us-east-1:123456789012:shop-test-given-up",
      join(" ", [
        "OnFailureFunctionOrderProjection lambda:InvokeFunction",
        "arn:aws:lambda:us-east-1:123456789012:function:shop-test-order-projection:live",
      ]),
    ])
    error_message = "A role may not write where its function gives up to, or may write elsewhere."
  }
}
