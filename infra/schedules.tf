# Schedules of EventBridge Scheduler, and the groups of those that functions create. Each group has
# a role, which reaches the targets and the dead-letter queues of its schedules and nothing else.

locals {
  # The declared schedules share a group of their own.
  declared_group = "declared"
  declared_groups = merge(
    { for group in [local.declared_group] : group => {
      targets = { for name, schedule in var.schedules : name => schedule.target }
      letters = distinct([for schedule in var.schedules : schedule.dead_letter_queue])
    } if length(var.schedules) > 0 },
    { for group, declared in var.schedule_groups : group => {
      targets = declared.targets, letters = [declared.dead_letter_queue]
    } },
  )

  schedule_group_names = { for group in keys(local.declared_groups) : group => "${var.name_prefix}${group}" }
  schedule_group_arns = {
    for group, physical in local.schedule_group_names : group => "${local.arn_prefix.scheduler}:schedule-group/${physical}"
  }
  scheduler_roles = { for group, physical in local.schedule_group_names : group => "${var.name_prefix}schedules-${group}" }
  scheduler_role_arns = {
    for group, name in local.scheduler_roles : group => "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${name}"
  }

  # ARN of a target: what Scheduler calls. A function is invoked by its alias.
  scheduled_arns = {
    function = { for name, arn in local.arns.functions : name => "${arn}:${local.function_alias}" }
    queue    = local.arns.queues
    bus      = local.arns.buses
    stream   = local.arns.streams
    topic    = local.arns.topics
  }
  scheduled_actions = {
    function = "lambda:InvokeFunction", queue = "sqs:SendMessage", bus = "events:PutEvents"
    stream   = "kinesis:PutRecord", topic = "sns:Publish"
  }
  group_targets = {
    for group, declared in local.declared_groups : group => {
      for name, target in declared.targets : name => one([
        for kind, arns in local.scheduled_arns : { kind = kind, arn = arns[target[kind]] } if try(target[kind], null) != null
      ])
    }
  }
  schedule_statements = {
    for group, declared in local.declared_groups : group => concat(
      [for kind, action in local.scheduled_actions : {
        Sid    = "Fires${title(kind)}"
        Effect = "Allow"
        Action = [action]
        Resource = sort(distinct([
          for target in local.group_targets[group] : target.arn if target.kind == kind
        ]))
      } if anytrue([for target in local.group_targets[group] : target.kind == kind])],
      [{
        Sid      = "DeadLetters"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = sort([for queue in declared.letters : local.arns.queues[queue]])
      }],
      [for key in compact([local.kms_key_arn]) : {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [key]
        Condition = {
          StringLike = {
            "kms:ViaService" = [
              for service in ["kinesis", "scheduler", "sns", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"
            ]
          }
        }
      }],
    )
  }

  # What a function gets beside the name of a group, by the variable of its use.
  group_variables = {
    for name, function in var.functions : name => merge([
      for variable, use in function.uses : merge(
        { "${variable}_ROLE_ARN" = local.scheduler_role_arns[use.schedule_group] },
        {
          for target, found in local.group_targets[use.schedule_group] :
          "${variable}_TARGET_${replace(replace(upper(target), "-", "_"), ".", "_")}" => found.arn
        },
        { "${variable}_DEAD_LETTER_ARN" = local.arns.queues[var.schedule_groups[use.schedule_group].dead_letter_queue] },
      ) if use.schedule_group != null
    ]...)
  }

  # A function gives schedules the role of their group and no other.
  pass_role_statements = {
    for name, function in var.functions : name => [
      for variable, use in function.uses : {
        Sid       = "Pass${local.sid_names[variable]}"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = local.scheduler_role_arns[use.schedule_group]
        Condition = { StringEquals = { "iam:PassedToService" = "scheduler.amazonaws.com" } }
      } if use.schedule_group != null
    ]
  }

  # FIFO queues as targets: Scheduler sends no deduplication id.
  scheduled_queues = distinct(flatten([
    for group in local.declared_groups : [for target in group.targets : target.queue if try(target.queue, null) != null]
  ]))
}

module "schedule_group" {
  source   = "./modules/schedule_group"
  for_each = local.declared_groups

  name                 = local.schedule_group_names[each.key]
  arn                  = local.schedule_group_arns[each.key]
  role_name            = local.scheduler_roles[each.key]
  statements           = local.schedule_statements[each.key]
  account_id           = local.account_id
  role_path            = var.role_path
  permissions_boundary = var.permissions_boundary_arn
}

module "schedule" {
  source   = "./modules/schedule"
  for_each = var.schedules

  name        = "${var.name_prefix}${each.key}"
  group_name  = module.schedule_group[local.declared_group].name
  expression  = each.value.expression
  time_zone   = try(each.value.time_zone, "UTC")
  start_date  = try(each.value.start, null)
  end_date    = try(each.value.end, null)
  enabled     = try(each.value.enabled, true)
  kms_key_arn = local.kms_key_arn
  role_arn    = module.schedule_group[local.declared_group].role_arn

  target = {
    arn = local.group_targets[local.declared_group][each.key].arn
    # Scheduler replaces <aws.scheduler.…> only as it is written, and jsonencode escapes the angles.
    input = !can(each.value.input) ? null : replace(
      replace(jsonencode(each.value.input), "\\u003c", "<"), "\\u003e", ">"
    )
    dead_letter_arn           = local.arns.queues[each.value.dead_letter_queue]
    maximum_retry_attempts    = try(each.value.maximum_retry_attempts, 185)
    maximum_event_age_seconds = try(each.value.maximum_event_age_seconds, 86400)
    message_group_id          = try(each.value.target.message_group_id, null)
    partition_key             = try(each.value.target.partition_key, null)
    source                    = try(each.value.target.source, null)
    detail_type               = try(each.value.target.detail_type, null)
  }

  # It may fire as soon as it exists.
  depends_on = [module.function, module.queue, module.bus, module.stream, module.topic]
}
