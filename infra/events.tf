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

resource "aws_cloudwatch_event_target" "this" {
  for_each = var.rules

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = module.bus[each.value.bus].name
  target_id      = "target"
  arn = (can(each.value.target.function)
    ? module.function[each.value.target.function].alias_arn
  : module.queue[each.value.target.queue].arn)

  dynamic "sqs_target" {
    for_each = try([each.value.target.message_group_id], [])

    content {
      message_group_id = sqs_target.value
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
