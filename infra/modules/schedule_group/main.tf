variable "name" {
  type        = string
  description = "Name at EventBridge Scheduler."
}

variable "arn" {
  type        = string
  description = "ARN, built from the name."
}

variable "role_name" {
  type        = string
  description = "Name of the role with which schedules of the group reach their targets."
}

variable "statements" {
  type        = any
  description = "What the role may do: the statements of its policy."
}

variable "account_id" {
  type        = string
  description = "The only account whose schedules may use the role."
}

variable "role_path" {
  type        = string
  description = "Path of the role."
}

variable "permissions_boundary" {
  type        = string
  description = "ARN of the role's permissions boundary; null: none."
  nullable    = true
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

# Scheduler tells the group of a schedule, not the schedule, so a role belongs to a group.
resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnEquals    = { "aws:SourceArn" = var.arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "declared"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = var.statements })
}

output "name" {
  value       = aws_scheduler_schedule_group.this.name
  description = "Name of the group."
}

output "role_arn" {
  value       = aws_iam_role.this.arn
  description = "ARN of the role."
}

output "trust" {
  value       = aws_iam_role.this.assume_role_policy
  description = "Who may take the role."
}
