variable "name" {
  type        = string
  description = "Name at EventBridge."
}

variable "archive_days" {
  type        = number
  description = "Days for which the archive keeps events; 0: no archive."
}

resource "aws_cloudwatch_event_bus" "this" {
  name = var.name
}

resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive_days > 0 ? 1 : 0

  name             = var.name
  description      = "Every event of the bus, to be replayed to it."
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive_days
}

output "arn" {
  value       = aws_cloudwatch_event_bus.this.arn
  description = "ARN of the bus."
}

output "name" {
  value       = aws_cloudwatch_event_bus.this.name
  description = "Name of the bus."
}
