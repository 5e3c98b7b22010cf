# Policies for people and programs outside the system, to attach to their roles. Like those of the
# functions, they follow from the topology and name its resources.

locals {
  # Aliases, because the version that runs replays letters, effects and parked aggregates.
  alias_arns  = [for name in sort(keys(var.functions)) : "${local.arns.functions[name]}:${local.function_alias}"]
  read_tables = distinct(flatten([for function in var.functions : [for use in function.uses : use.table if use.table != null]]))

  # Tables with records of effects; operators decide those that are held.
  effect_tables = [for name, table in var.tables : name if table.record_retention_days != null]

  # Objects that a letter can name, in the bucket of the dead letters, and that a held effect can
  # name, in any bucket that its function writes to. Older versions of the toolkit kept
  # `held/<id>.json`.
  letter_objects = sort(flatten([
    for bucket in local.letter_buckets : [for prefix in local.letter_prefixes : "${local.arns.buckets[bucket]}/${prefix}*"]
  ]))
  held_objects = sort([for bucket in local.held_buckets : "${local.arns.buckets[bucket]}/held/*.json"])

  # The key can be used through these services alone, as by the functions.
  uses_key = [for key in compact([local.kms_key_arn]) : {
    Sid      = "Key"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [key]
    Condition = {
      StringLike = {
        "kms:ViaService" = [
          for service in ["dynamodb", "kinesis", "s3", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"
        ]
      }
    }
  }]

  operator_policy = { Version = "2012-10-17", Statement = concat([for statement in [
    {
      Sid    = "Letters"
      Effect = "Allow"
      # A released effect that fails again becomes a letter.
      Action = [
        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
        "sqs:ReceiveMessage", "sqs:SendMessage",
      ]
      Resource = [for name in sort(local.dead_letter_queues) : local.arns.queues[name]]
    },
    {
      Sid      = "LetterObjects"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = local.letter_objects
    },
    {
      Sid      = "HeldEvents"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject"]
      Resource = local.held_objects
    },
    {
      # Without it, S3 answers 403 instead of 404 for an object that no longer exists.
      Sid       = "Missing"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = sort([for bucket in setunion(local.letter_buckets, local.held_buckets) : local.arns.buckets[bucket]])
      Condition = { StringLike = { "s3:prefix" = sort([for prefix in concat(local.letter_prefixes, ["held/"]) : "${prefix}*"]) } }
    },
    {
      Sid    = "PointedToStreams"
      Effect = "Allow"
      Action = local.reads_stream
      Resource = sort(distinct(flatten([
        for function in var.functions : [
          for source in function.sources : local.arns.streams[source.stream] if source.stream != null
        ]
      ])))
    },
    {
      Sid    = "PointedToTables"
      Effect = "Allow"
      Action = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      Resource = sort(distinct(flatten([
        for function in var.functions : [
          for source in function.sources : "${local.arns.tables[source.table]}/stream/*" if source.table != null
        ]
      ])))
    },
    {
      Sid    = "Tables"
      Effect = "Allow"
      Action = concat(["dynamodb:DescribeTable", "dynamodb:Scan"], local.reads_table)
      Resource = sort(distinct(flatten([
        [for name in local.read_tables : try(local.generation_arns[name], [local.arns.tables[name]])],
        [for name in local.pointer_tables : local.arns.tables[name]],
      ])))
    },
    {
      # A rebuild, and the move to another generation.
      Sid      = "Pointers"
      Effect   = "Allow"
      Action   = ["dynamodb:PutItem"]
      Resource = [for name in local.pointer_tables : local.arns.tables[name]]
    },
    {
      # Instances that wait for an operator.
      Sid      = "ProcessIndexes"
      Effect   = "Allow"
      Action   = ["dynamodb:Query"]
      Resource = sort(distinct([for process in var.processes : "${local.arns.tables[process.view]}/index/by-stuck"]))
    },
    {
      # An operator's word is an input of its process. Other queues declare that operators send.
      Sid    = "Inputs"
      Effect = "Allow"
      Action = ["sqs:GetQueueUrl", "sqs:SendMessage"]
      Resource = [for name in sort(keys(var.queues)) : local.arns.queues[name]
        if var.queues[name].operators_send || contains([for process in var.processes : process.queue], name)
      ]
    },
    {
      Sid      = "Effects"
      Effect   = "Allow"
      Action   = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
      Resource = sort([for name in local.effect_tables : local.arns.tables[name]])
    },
    {
      Sid      = "Breakers"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
      Resource = sort(distinct([for breaker in var.breakers : local.arns.tables[breaker.table]]))
    },
    {
      Sid      = "BreakerEvents"
      Effect   = "Allow"
      Action   = ["dynamodb:PutItem"]
      Resource = sort(distinct([for breaker in var.breakers : local.arns.tables[breaker.events] if breaker.events != null]))
      Condition = {
        "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["breaker#*"] }
      }
    },
    {
      Sid      = "Replay"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = local.alias_arns
    },
    {
      # `tidegate events replay` names its replays with the prefix.
      Sid    = "ArchiveReplay"
      Effect = "Allow"
      Action = ["events:CancelReplay", "events:DescribeArchive", "events:DescribeReplay", "events:StartReplay"]
      Resource = flatten([
        for archives in [sort([for name, bus in var.buses : local.names.buses[name] if bus.archive_days > 0])] : concat(
          [for archive in archives : "${local.arn_prefix.events}:archive/${archive}"],
          [for own in ["${local.arn_prefix.events}:replay/${local.own}"] : own if length(archives) > 0],
        )
      ])
    },
  ] : statement if length(statement.Resource) > 0], local.uses_key) }

  # Queues that a function reads, and that no rule and no function writes to: programs outside fill
  # them.
  fed_queues = [
    for name in sort(keys(local.work_queues)) : name
    if anytrue(flatten([
      for function in var.functions : [for source in function.sources : source.queue == name]
    ])) && length(local.rules_to_queue[name]) == 0 && !contains(local.queues_of_functions, name)
  ]

  queues_of_functions = flatten([
    for function in var.functions : [for use in function.uses : use.queue if use.queue != null && use.access != "read"]
  ])

  producer_policy = { Version = "2012-10-17", Statement = concat([for statement in [
    {
      Sid      = "Streams"
      Effect   = "Allow"
      Action   = ["kinesis:PutRecord", "kinesis:PutRecords"]
      Resource = [for name in sort(keys(var.streams)) : local.arns.streams[name]]
    },
    {
      Sid      = "Queues"
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
      Resource = [for name in local.fed_queues : local.arns.queues[name]]
    },
    # Stage, method and path. Each variable of a route is any text.
    {
      Sid    = "Routes"
      Effect = "Allow"
      Action = ["execute-api:Invoke"]
      Resource = [
        for route in local.iam_routes : join("/", [
          module.api[route.api].execution_arn, "$default",
          route.key == "$default" ? "*" : replace(replace(replace(route.key, "ANY ", "* "), " ", ""), "/[{][^}]*[}]/", "*"),
        ])
      ]
    },
    {
      Sid      = "Urls"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunctionUrl"]
      Resource = [for name in local.iam_urls : "${local.arns.functions[name]}:${local.function_alias}"]
    },
    ] : statement if length(statement.Resource) > 0],
    # A URL also invokes the function, which callers may do only that way.
    [for names in [local.iam_urls] : {
      Sid       = "InvokeByUrl"
      Effect    = "Allow"
      Action    = ["lambda:InvokeFunction"]
      Resource  = [for name in names : "${local.arns.functions[name]}:${local.function_alias}"]
      Condition = { Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }
    } if length(names) > 0],
    [for statement in local.uses_key : merge(statement, {
      # SQS decrypts the data key that it has generated.
      Action = length(local.fed_queues) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:GenerateDataKey"]
      Condition = {
        StringLike = { "kms:ViaService" = [for service in ["kinesis", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"] }
      }
    })]
  ) }
}
