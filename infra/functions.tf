locals {
  # What each kind of access allows in IAM. validations/functions.tftpl refuses any other.
  reads_table = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
  # The PartiQL actions are for batches of conditional writes. Nothing reads with PartiQL.
  writes_table = [
    "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate", "dynamodb:PutItem", "dynamodb:UpdateItem",
  ]
  # With this access a function reads the indexes of a table, too.
  indexed_access = ["append", "read", "read-write"]
  reads_queue    = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
  reads_stream = [
    "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
    "kinesis:GetShardIterator", "kinesis:ListShards",
  ]
  actions = {
    table = {
      read       = local.reads_table
      append     = concat(local.reads_table, ["dynamodb:PartiQLInsert", "dynamodb:PutItem"])
      write      = local.writes_table
      read-write = concat(local.reads_table, local.writes_table)
    }
    queue = {
      read       = local.reads_queue
      write      = ["sqs:SendMessage"]
      read-write = concat(local.reads_queue, ["sqs:SendMessage"])
    }
    bucket = {
      read       = ["s3:GetObject"]
      write      = ["s3:PutObject"]
      read-write = ["s3:GetObject", "s3:PutObject"]
    }
    stream = {
      read       = local.reads_stream
      write      = ["kinesis:PutRecord", "kinesis:PutRecords"]
      read-write = concat(local.reads_stream, ["kinesis:PutRecord", "kinesis:PutRecords"])
    }
    bus   = { write = ["events:PutEvents"] }
    topic = { write = ["sns:Publish"] }
    email = { write = ["ses:SendEmail"] }
    schedule_group = {
      write = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    }
  }

  # What Lambda calls with a function's role to run the function in a VPC.
  network_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]

  # The objects of a bucket that a function may use. All functions share the bucket of dead letters,
  # so a function may write its own letters there, `<function>/…`, and no others. If it records
  # effects, it may also write the events of its own held effects, `held/<function>/…`.
  bucket_objects = {
    for name, physical in local.names.functions : name => {
      for bucket, arn in local.arns.buckets : bucket => [
        for prefix in !contains(local.letter_buckets, bucket) ? [""] : concat(
          ["${physical}/"], length(local.record_retention[name]) > 0 ? ["held/${physical}/"] : []
        ) : "${arn}/${prefix}*"
      ]
    }
  }

  # What a function uses, by variable: kind, access, ARN in IAM, and the value of the variable.
  uses = {
    for name, function in var.functions : name => {
      for variable, use in function.uses : variable => merge(
        [
          for kind, target in {
            table = use.table == null ? null : {
              arn   = try(local.generation_arns[use.table], local.arns.tables[use.table])
              value = local.names.tables[use.table]
            }
            queue  = use.queue == null ? null : { arn = local.arns.queues[use.queue], value = module.queue[use.queue].url }
            bucket = use.bucket == null ? null : { arn = local.bucket_objects[name][use.bucket], value = local.names.buckets[use.bucket] }
            bus    = use.bus == null ? null : { arn = local.arns.buses[use.bus], value = local.names.buses[use.bus] }
            stream = use.stream == null ? null : { arn = local.arns.streams[use.stream], value = local.names.streams[use.stream] }
            topic  = use.topic == null ? null : { arn = local.arns.topics[use.topic], value = local.arns.topics[use.topic] }
            email = use.email == null ? null : {
              arn   = [for identity in local.sender_identities[use.email] : "${local.identity_arn}/${identity}"]
              value = local.email_addresses[use.email]
            }
            schedule_group = use.schedule_group == null ? null : {
              arn   = "${local.arn_prefix.scheduler}:schedule/${local.schedule_group_names[use.schedule_group]}/*"
              value = local.schedule_group_names[use.schedule_group]
            }
          } : merge(target, { kind = kind, access = use.access }) if target != null
        ]...
      )
    }
  }

  # Declared names as parts of a Sid, which takes only letters and digits.
  sid_names = {
    for name in distinct(concat(
      keys(var.queues),
      keys(var.topics),
      keys(var.buckets),
      keys(var.buses),
      keys(var.functions),
      keys(var.breakers),
      flatten([for function in var.functions : concat(keys(function.uses), keys(function.sources))]),
    )) :
    name => replace(title(lower(replace(name, "/[^0-9A-Za-z]+/", " "))), " ", "")
  }

  # What Lambda does with the function's role: it reads the sources, and writes what it gives up.
  source_statements = {
    for name, function in var.functions : name => concat(
      [for source, mapping in function.sources : {
        Sid      = "Source${local.sid_names[source]}"
        Effect   = "Allow"
        Action   = local.reads_stream
        Resource = local.arns.streams[mapping.stream]
      } if mapping.stream != null],
      [for source, mapping in function.sources : {
        Sid    = "Source${local.sid_names[source]}"
        Effect = "Allow"
        Action = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        # A table's stream gets a new name each time that it is enabled.
        Resource = "${local.arns.tables[mapping.table]}/stream/*"
      } if mapping.table != null],
      [for source, mapping in function.sources : {
        Sid    = "Source${local.sid_names[source]}"
        Effect = "Allow"
        # Lambda needs no ChangeMessageVisibility. The function does, to delay a message that it
        # will try again later.
        Action   = local.reads_queue
        Resource = local.arns.queues[mapping.queue]
      } if mapping.queue != null],
    )
  }
  destinations = {
    for name, function in var.functions : name => concat(
      [for source, mapping in function.sources : mapping.on_failure if mapping.on_failure != null],
      [for asynchronous in [function.asynchronous] : asynchronous.on_failure if asynchronous != null],
      [for asynchronous in [function.asynchronous] : asynchronous.on_success if try(asynchronous.on_success, null) != null],
    )
  }
  destination_statements = {
    for name, destinations in local.destinations : name => concat(
      [for queue in distinct([for to in destinations : to.queue if to.queue != null]) : {
        Sid      = "OnFailure${local.sid_names[queue]}"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.arns.queues[queue]
      }],
      [for topic in distinct([for to in destinations : to.topic if to.topic != null]) : {
        Sid      = "OnFailureTopic${local.sid_names[topic]}"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = local.arns.topics[topic]
      }],
      [for bucket in distinct([for to in destinations : to.bucket if to.bucket != null]) : {
        Sid      = "OnFailureBucket${local.sid_names[bucket]}"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:PutObject"]
        Resource = [local.arns.buckets[bucket], "${local.arns.buckets[bucket]}/aws/lambda/*"]
      }],
      [for function in distinct([for to in destinations : to.function if to.function != null]) : {
        Sid      = "OnFailureFunction${local.sid_names[function]}"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "${local.arns.functions[function]}:${local.function_alias}"
      }],
      [for bus in distinct([for to in destinations : to.bus if to.bus != null]) : {
        Sid      = "OnFailureBus${local.sid_names[bus]}"
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = local.arns.buses[bus]
      }],
    )
  }

  # The whole policy of each role, except for its log group, which the module adds.
  statements = {
    for name, function in var.functions : name => concat(
      [for variable, use in local.uses[name] : merge(
        {
          Sid      = "Uses${local.sid_names[variable]}"
          Effect   = "Allow"
          Action   = local.actions[use.kind][use.access]
          Resource = use.arn
        },
        { for key, value in { Condition = { StringEquals = { "ses:FromAddress" = use.value } } } : key => value if use.kind == "email" },
      )],
      local.pass_role_statements[name],
      local.breaker_statements[name],
      # An index is read with queries. It has an ARN of its own.
      [for variable, use in var.functions[name].uses : {
        Sid    = "Uses${local.sid_names[variable]}Indexes"
        Effect = "Allow"
        Action = ["dynamodb:Query"]
        Resource = flatten([for arn in try(local.generation_arns[use.table], [local.arns.tables[use.table]]) : [
          for index in keys(var.tables[use.table].indexes) : "${arn}/index/${index}"
        ]])
      } if try(length(var.tables[use.table].indexes) > 0, false) && contains(local.indexed_access, use.access)],
      local.generation_statements[name],
      local.source_statements[name],
      local.destination_statements[name],
      # The services encrypt, so a function may use the key only through them.
      [for key in compact([local.kms_key_arn]) : {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = key
        Condition = {
          StringLike = {
            "kms:ViaService" = [
              for service in ["dynamodb", "kinesis", "lambda", "s3", "sns", "sqs"] :
              "${service}.${local.region}.${local.dns_suffix}"
            ]
          }
        }
      }],
      # A function in a VPC has network interfaces there, for which EC2 has no resources that a
      # policy could name. Lambda creates them, not the function's code, so the second statement
      # denies the same to the code.
      [for vpc in [var.vpc] : {
        Sid      = "Network"
        Effect   = "Allow"
        Action   = local.network_actions
        Resource = "*"
      } if vpc != null],
      [for vpc in [var.vpc] : {
        Sid       = "NetworkNotByCode"
        Effect    = "Deny"
        Action    = local.network_actions
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.arns.functions[name] } }
      } if vpc != null],
      # X-Ray has no resources that a policy could name.
      [for on in [var.xray_tracing] : {
        Sid      = "Traces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } if on],
    )
  }

  dead_letter_after = {
    for name, function in var.functions : name => [
      for mapping in function.sources : mapping.dead_letter_after_seconds if mapping.dead_letter_after_seconds != null
    ]
  }

  # Ages at which the sources of a function discard a record, and Lambda an asynchronous event. The
  # function gets the largest of them: with a smaller one it would give up a record that another
  # source still delivers.
  record_ages = {
    for name, function in var.functions : name => concat(
      [for kept in [
        for mapping in function.sources : {
          age = coalesce(mapping.maximum_record_age_seconds, -1)
          until = mapping.queue != null ? var.queues[mapping.queue].retention_seconds : try(
            local.stream_retention_hours[mapping.stream] * 3600, local.table_stream_retention_seconds
          )
        }
      ] : kept.age < 0 ? kept.until : min(kept.age, kept.until)],
      function.asynchronous == null ? [] : [function.asynchronous.maximum_event_age_seconds],
    )
  }

  # Retentions of the idempotency records in the tables that a function uses.
  record_retention = {
    for name, function in var.functions : name => [
      for use in function.uses : var.tables[use.table].record_retention_days
      if try(var.tables[use.table].record_retention_days, null) != null
    ]
  }

  # Whether a function may write to a table.
  writes_to_a_table = {
    for name, function in var.functions : name => anytrue([
      for use in function.uses : use.table != null && use.access != "read"
    ])
  }

  # Retentions of the causes in the snapshots of the tables that a function uses.
  cause_retention = {
    for name, function in var.functions : name => [
      for use in function.uses : var.tables[use.table].cause_retention_days
      if try(var.tables[use.table].cause_retention_days, null) != null
    ]
  }

  # Formats in which functions write commits to the event stores that they use.
  commit_formats = {
    for name, function in var.functions : name => [
      for use in function.uses : var.tables[use.table].commit_format
      if try(var.tables[use.table].commit_format, null) != null
    ]
  }

  # The toolkit's counts, from which metrics and alarms are made, are log lines without a level,
  # which Lambda takes for INFO. So Lambda passes INFO, and the functions themselves suppress lower
  # levels.
  quiet            = contains(["WARN", "ERROR"], var.log_level)
  lambda_log_level = local.quiet ? "INFO" : var.log_level

  environments = {
    for name, function in var.functions : name => merge(
      function.environment,
      try(var.function_overrides[name].environment, {}),
      { for variable, use in local.uses[name] : variable => use.value },
      local.group_variables[name],
      local.generation_variables[name],
      local.breaker_variables[name],
      { TIDEGATE_EVENT_BYTES_LIMIT = tostring(var.event_bytes_limit), TIDEGATE_METRICS = var.metrics_namespace },
      # A request to AWS is retried while there is time for it.
      { TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS = tostring(min(4000, floor(function.timeout_seconds * 2000 / 3))) },
      length(local.record_ages[name]) == 0 ? {} : { TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS = tostring(max(local.record_ages[name]...)) },
      length(local.dead_letter_after[name]) == 0 ? {} : {
        TIDEGATE_DEAD_LETTER_AFTER_SECONDS = tostring(min(local.dead_letter_after[name]...))
      },
      length(local.record_retention[name]) == 0 ? {} : { TIDEGATE_IDEMPOTENCY_DAYS = tostring(min(local.record_retention[name]...)) },
      length(local.cause_retention[name]) == 0 ? {} : { TIDEGATE_CAUSE_DAYS = tostring(min(local.cause_retention[name]...)) },
      length(local.commit_formats[name]) == 0 ? {} : { TIDEGATE_COMMIT_FORMAT = tostring(min(local.commit_formats[name]...)) },
      # DynamoDB carries out batches of statements, which is the toolkit's default.
      var.statements != "batched" && local.writes_to_a_table[name] ? { TIDEGATE_STATEMENTS = var.statements } : {},
      local.quiet ? { RUST_LOG = lower(var.log_level) } : {},
      var.telemetry == null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT = var.telemetry.endpoint },
    )
  }
}

module "function" {
  source   = "./modules/function"
  for_each = var.functions

  name                 = local.names.functions[each.key]
  alias                = local.function_alias
  held_version         = lookup(var.versions, each.key, null)
  zip                  = coalesce(var.placeholder_zip, "${var.zip_directory}/${each.key}/bootstrap.zip")
  architecture         = var.architecture
  memory_mb            = coalesce(try(var.function_overrides[each.key].memory_mb, null), each.value.memory_mb)
  timeout_seconds      = each.value.timeout_seconds
  reserved_concurrency = local.reserved_concurrency[each.key]
  environment          = local.environments[each.key]
  statements           = local.statements[each.key]
  account_id           = local.account_id
  role_path            = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  vpc                  = var.vpc
  log_level            = local.lambda_log_level
  log_retention_days   = var.log_retention_days
  xray_tracing         = var.xray_tracing
  detailed_metrics     = var.detailed_metrics
  memory_metric        = local.memory_metrics[each.key]
  layers               = var.telemetry == null ? [] : [var.telemetry.layer_arn]
  kms_key_arn          = local.kms_key_arn

  sources = {
    for name, source in each.value.sources : name => merge(source, {
      enabled = !contains(keys(local.paused), "${each.key}.${name}")
      arn = (source.stream != null ? local.arns.streams[source.stream]
        : source.table != null ? module.table[source.table].stream_arn
      : local.arns.queues[source.queue])
      on_failure_arn = source.on_failure == null ? null : try(
        local.arns.queues[source.on_failure.queue],
        local.arns.topics[source.on_failure.topic],
        local.arns.buckets[source.on_failure.bucket],
      )
    })
  }

  asynchronous = each.value.asynchronous == null ? null : {
    maximum_retry_attempts    = each.value.asynchronous.maximum_retry_attempts
    maximum_event_age_seconds = each.value.asynchronous.maximum_event_age_seconds
    on_failure_arn = try(
      local.arns.queues[each.value.asynchronous.on_failure.queue],
      local.arns.topics[each.value.asynchronous.on_failure.topic],
      local.arns.buckets[each.value.asynchronous.on_failure.bucket],
      "${local.arns.functions[each.value.asynchronous.on_failure.function]}:${local.function_alias}",
      local.arns.buses[each.value.asynchronous.on_failure.bus],
    )
    on_success_arn = try(
      local.arns.queues[each.value.asynchronous.on_success.queue],
      local.arns.topics[each.value.asynchronous.on_success.topic],
      "${local.arns.functions[each.value.asynchronous.on_success.function]}:${local.function_alias}",
      local.arns.buses[each.value.asynchronous.on_success.bus],
      null,
    )
  }

  url_authorization = try(each.value.url.authorization, null)

  rules = {
    for rule in distinct([for target in local.rule_targets : target.rule if try(target.target.function == each.key, false)]) :
    rule => local.arns.rules[rule]
  }

  topics = local.topics_of_function[each.key]

  # A mapping reads as soon as it exists, and gives up to destinations by their names. A message
  # that it receives too often needs the redrive.
  depends_on = [
    module.stream, module.queue, module.topic, module.bucket, module.bus, module.schedule_group, aws_sqs_queue_redrive_policy.this
  ]
}
