variable "name" {
  type        = string
  description = "Name at SNS, with the ending .fifo for a FIFO topic."
}

variable "fifo" {
  type        = bool
  description = "Whether it is a FIFO topic."
}

variable "by_content" {
  type        = bool
  description = "FIFO topics: whether messages with the same content within five minutes count as one."
}

variable "arn" {
  type        = string
  description = "ARN, built from the name."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the messages; null: SNS's own key."
  nullable    = true
}

variable "tls_required" {
  type        = bool
  description = "Whether requests without TLS are denied."
}

variable "account_id" {
  type        = string
  description = "The only account whose roles may publish and subscribe."
}

variable "rules" {
  type        = list(string)
  description = "ARNs of the EventBridge rules that publish to the topic."
}

resource "aws_sns_topic" "this" {
  name       = var.name
  fifo_topic = var.fifo
  # EventBridge cannot use SNS's own key, whose policy nobody can change.
  kms_master_key_id = var.kms_key_arn != null ? var.kms_key_arn : length(var.rules) > 0 ? null : "alias/aws/sns"

  content_based_deduplication = var.fifo ? var.by_content : null

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["sns:Publish", "sns:Subscribe"]
        Resource  = var.arn
        Condition = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }
      }],
      length(var.rules) == 0 ? [] : [{
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = var.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.rules } }
      }],
      [for required in [var.tls_required] : {
        Sid       = "OnlyEncryptedConnections"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = var.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      } if required],
    )
  })
}

output "arn" {
  value       = aws_sns_topic.this.arn
  description = "ARN of the topic."
}
