locals {
  # Every target by its full name: RULE for the only target of a rule, RULE/TARGET for one of
  # several.
  rule_targets = merge([
    for rule, declared in var.rules : merge(
      { for target in try([declared.target], []) : rule => { rule = rule, id = "target", target = target } },
      { for name, target in try(declared.targets, {}) : "${rule}/${name}" => { rule = rule, id = name, target = target } },
    )
  ]...)

  # The dead-letter queues of a rule's targets, each once.
  rule_dead_letters = {
    for rule in keys(var.rules) : rule => distinct([
      for target in local.rule_targets : target.target.dead_letter_queue if target.rule == rule
    ])
  }

  # What EventBridge writes to by a role, by rule.
  rules_with_role = {
    for rule in keys(var.rules) : rule => {
      streams = [
        for target in local.rule_targets : local.arns.streams[target.target.stream]
        if target.rule == rule && can(target.target.stream)
      ]
      buses = [
        for target in local.rule_targets : local.arns.buses[target.target.bus]
        if target.rule == rule && can(target.target.bus)
      ]
      } if anytrue([
        for target in local.rule_targets : target.rule == rule && (can(target.target.stream) || can(target.target.bus))
    ])
  }
}

module "bus" {
  source   = "./modules/bus"
  for_each = var.buses

  name         = local.names.buses[each.key]
  archive_days = each.value.archive_days
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = var.rules

  name           = local.names.rules[each.key]
  event_bus_name = module.bus[each.value.bus].name
  event_pattern  = jsonencode(each.value.pattern)
}

# A stream or another bus lets EventBridge write by a role; functions, queues and topics have
# policies of their own.
module "rule_role" {
  source   = "./modules/rule_role"
  for_each = local.rules_with_role

  rule_name            = local.names.rules[each.key]
  rule_arn             = local.arns.rules[each.key]
  account_id           = local.account_id
  role_path            = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  streams              = each.value.streams
  buses                = each.value.buses
  kms_key_arn          = local.kms_key_arn
  kms_via_service      = "kinesis.${local.region}.${local.dns_suffix}"
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rule_targets

  rule           = aws_cloudwatch_event_rule.this[each.value.rule].name
  event_bus_name = module.bus[var.rules[each.value.rule].bus].name
  target_id      = each.value.id
  arn = try(
    module.function[each.value.target.function].alias_arn,
    module.queue[each.value.target.queue].arn,
    module.stream[each.value.target.stream].arn,
    module.topic[each.value.target.topic].arn,
    module.bus[each.value.target.bus].arn,
  )
  role_arn = can(each.value.target.stream) || can(each.value.target.bus) ? module.rule_role[each.value.rule].arn : null

  input      = can(each.value.target.input) ? jsonencode(each.value.target.input) : null
  input_path = try(each.value.target.input_path, null)

  dynamic "input_transformer" {
    for_each = try([each.value.target.input_transformer], [])

    content {
      input_paths    = try(input_transformer.value.paths, {})
      input_template = input_transformer.value.template
    }
  }

  dynamic "sqs_target" {
    for_each = try([each.value.target.message_group_id], [])

    content {
      message_group_id = sqs_target.value
    }
  }

  dynamic "kinesis_target" {
    for_each = try([each.value.target.partition_key_path], [])

    content {
      partition_key_path = kinesis_target.value
    }
  }

  retry_policy {
    maximum_retry_attempts       = each.value.target.maximum_retry_attempts
    maximum_event_age_in_seconds = each.value.target.maximum_event_age_seconds
  }

  dead_letter_config {
    arn = module.queue[each.value.target.dead_letter_queue].arn
  }

  # Events arrive as soon as the target exists. By then the function needs its permission and its
  # on-failure destination, for which a reference to the alias alone does not wait.
  depends_on = [module.function]
}

# The registry shows which events are on the bus, and generates types for other teams. It has no
# commands, because they do not travel on a bus.
resource "aws_schemas_registry" "events" {
  count = var.schema_registry ? 1 : 0

  name        = "${var.name_prefix}events"
  description = "Events of the environment ${var.environment}."
}

resource "aws_schemas_schema" "event" {
  for_each = {
    for file in fileset("${path.module}/../events/registry", "*.json") : trimsuffix(file, ".json") => file
    if var.schema_registry
  }

  name          = each.key
  registry_name = aws_schemas_registry.events[0].name
  type          = "OpenApi3"
  content       = file("${path.module}/../events/registry/${each.value}")
}
