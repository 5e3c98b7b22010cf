# Whom an alarm tells: somebody at once (page), or on the next working day (ticket).

locals {
  # Existing topics, and those that Terraform creates.
  given_topics = { page = var.page_topic_arn, ticket = var.ticket_topic_arn }
  own_topics   = { for kind, arn in local.given_topics : kind => "${var.name_prefix}alarms-${kind}" if arn == null }
  own_arns     = { for kind, name in local.own_topics : kind => "${local.arn_prefix.sns}:${name}" }

  # Topics by what an alarm tells. An alarm that tells its function has no topic.
  topics_told = { for kind, arn in local.given_topics : kind => arn == null ? [aws_sns_topic.alarms[kind].arn] : [arn] }

  subscriptions = merge([for kind in keys(local.own_topics) : {
    for address in var.alarm_email_addresses : "${kind} ${address}" => { topic = kind, address = address }
  }]...)

  # Signs that a function does not do its work: it fails as a whole, is throttled, or falls behind.
  function_signs = {
    for name in keys(var.functions) :
    name => sort([for key, alarm in local.alarms : key if alarm.tells == "function" && try(alarm.of, "") == name])
  }
  sign_counts = { for name, signs in local.function_signs : name => length(signs) }
}

# One page for a function, whichever sign comes first and however many follow.
resource "aws_cloudwatch_composite_alarm" "function" {
  for_each = var.functions

  alarm_name = "${var.name_prefix}function-${each.key}-behind"
  alarm_description = join(" ", [
    "${each.key} does not keep up with its work: it fails as a whole, is throttled, or what it reads grows old.",
    "The alarms in its rule say which, and what to do.",
  ])
  alarm_rule = join(" OR ", [
    for key in local.function_signs[each.key] : "ALARM(\"${aws_cloudwatch_metric_alarm.this[key].alarm_name}\")"
  ])
  alarm_actions = local.topics_told.page
  ok_actions    = local.topics_told.page

  lifecycle {
    precondition {
      condition     = local.sign_counts[each.key] <= 100
      error_message = "${each.key} has ${local.sign_counts[each.key]} alarms; a composite alarm watches 100 at most: split the function."
    }
  }
}

# An alarm cannot publish to a topic that is encrypted with SNS's own key (alias/aws/sns): the
# policy of that key does not allow CloudWatch, and cannot be changed. So the topic uses this
# environment's key, or none; its messages hold names and counts.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:Alarms can use only a customer_managed_key. Messages hold counts.
  for_each = local.own_topics

  name              = each.value
  display_name      = "Alarms of ${var.environment}: ${each.key}"
  kms_master_key_id = local.kms_key_arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.own_arns[each.key]
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account_id }
          ArnLike      = { "aws:SourceArn" = "${local.arn_prefix.cloudwatch}:alarm:${var.name_prefix}*" }
        }
      }],
      [for required in [var.tls_required] : {
        Sid       = "OnlyEncryptedConnections"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.own_arns[each.key]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      } if required],
    )
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = local.subscriptions

  topic_arn = aws_sns_topic.alarms[each.value.topic].arn
  protocol  = "email"
  endpoint  = each.value.address
}

check "alarms_reach_somebody" {
  assert {
    condition     = !var.deletion_protection || length(var.alarm_email_addresses) > 0 || length(local.own_topics) == 0
    error_message = <<-EOT
      This environment protects its data, and its alarms tell nobody. Set alarm_email_addresses, subscribe
      something else to the topics in the output alarm_topics, or set page_topic_arn and ticket_topic_arn.
    EOT
  }
}
