variable "rule_name" {
  type        = string
  description = "Name of the rule at EventBridge."
}

variable "rule_arn" {
  type        = string
  description = "ARN of the rule, which alone may use the role."
}

variable "account_id" {
  type        = string
  description = "Account of the rule."
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

variable "streams" {
  type        = list(string)
  description = "ARNs of the streams that the rule writes to."
}

variable "buses" {
  type        = list(string)
  description = "ARNs of the buses that the rule sends to."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the streams; null: Kinesis's own key."
  nullable    = true
}

variable "kms_via_service" {
  type        = string
  description = "Kinesis, as KMS names it: the key is used through it alone."
}

locals {
  trust = {
    Effect    = "Allow"
    Principal = { Service = "events.amazonaws.com" }
    Action    = "sts:AssumeRole"
    Condition = { StringEquals = { "aws:SourceAccount" = var.account_id, "aws:SourceArn" = var.rule_arn } }
  }
  statements = concat(
    length(var.streams) == 0 ? [] : [{
      Sid      = "Streams"
      Effect   = "Allow"
      Action   = ["kinesis:PutRecord", "kinesis:PutRecords"]
      Resource = var.streams
    }],
    length(var.buses) == 0 ? [] : [{
      Sid      = "Buses"
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = var.buses
    }],
    [for key in compact([var.kms_key_arn]) : {
      Sid       = "Key"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey"]
      Resource  = [key]
      Condition = { StringLike = { "kms:ViaService" = var.kms_via_service } }
    } if length(var.streams) > 0],
  )
}

resource "aws_iam_role" "this" {
  # A role has a name of 64 characters, and a rule too.
  name = (length(var.rule_name) <= 59
    ? "${var.rule_name}-rule"
  : "${substr(var.rule_name, 0, 50)}-${substr(sha256(var.rule_name), 0, 8)}-rule")
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [local.trust] })
}

resource "aws_iam_role_policy" "this" {
  name = "targets"
  role = aws_iam_role.this.id

  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

output "arn" {
  value       = aws_iam_role.this.arn
  description = "ARN of the role."
}

output "trust" {
  value       = local.trust
  description = "Who may use the role."
}

output "statements" {
  value       = local.statements
  description = "What the role allows."
}
