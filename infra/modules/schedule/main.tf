variable "name" {
  type        = string
  description = "Name at EventBridge Scheduler, in its group."
}

variable "group_name" {
  type        = string
  description = "Name of the group."
}

variable "expression" {
  type        = string
  description = "When it fires: at(…), rate(…) or cron(…)."
}

variable "time_zone" {
  type        = string
  description = "Time zone of the expression, a name of the IANA database."
}

variable "start_date" {
  type        = string
  description = "Time from which it fires, in RFC 3339; null: at once."
  nullable    = true
}

variable "end_date" {
  type        = string
  description = "Time at which it fires no more, in RFC 3339; null: never."
  nullable    = true
}

variable "enabled" {
  type        = bool
  description = "Whether it fires."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the schedule; null: Scheduler's own key."
  nullable    = true
}

variable "role_arn" {
  type        = string
  description = "ARN of the role with which it reaches its target and its dead-letter queue."
}

variable "target" {
  type = object({
    arn                       = string
    input                     = string
    dead_letter_arn           = string
    maximum_retry_attempts    = number
    maximum_event_age_seconds = number
    message_group_id          = string
    partition_key             = string
    source                    = string
    detail_type               = string
  })
  description = "What it fires at; null where a kind of target has no such parameter."
}

resource "aws_scheduler_schedule" "this" {
  name                         = var.name
  group_name                   = var.group_name
  schedule_expression          = var.expression
  schedule_expression_timezone = var.time_zone
  start_date                   = var.start_date
  end_date                     = var.end_date
  state                        = var.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.target.arn
    role_arn = var.role_arn
    input    = var.target.input

    dead_letter_config {
      arn = var.target.dead_letter_arn
    }

    retry_policy {
      maximum_retry_attempts       = var.target.maximum_retry_attempts
      maximum_event_age_in_seconds = var.target.maximum_event_age_seconds
    }

    dynamic "sqs_parameters" {
      for_each = compact([var.target.message_group_id])

      content {
        message_group_id = sqs_parameters.value
      }
    }

    dynamic "kinesis_parameters" {
      for_each = compact([var.target.partition_key])

      content {
        partition_key = kinesis_parameters.value
      }
    }

    dynamic "eventbridge_parameters" {
      for_each = compact([var.target.source])

      content {
        source      = eventbridge_parameters.value
        detail_type = var.target.detail_type
      }
    }
  }
}

output "planned" {
  value       = aws_scheduler_schedule.this
  description = "The schedule."
}
