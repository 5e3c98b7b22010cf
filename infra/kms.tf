locals {
  kms_key_arn = var.customer_managed_key ? aws_kms_key.this[0].arn : var.kms_key_arn
}

# One key for everything that holds business data: tables, queues, streams, buckets, logs,
# environment variables and the topic of alarms.
resource "aws_kms_key" "this" {
  count = var.customer_managed_key ? 1 : 0

  description             = "Data of the environment ${var.environment}."
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # IAM policies of this account decide who may use and manage the key.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # Alarms write to the topic.
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      {
        # Rules write to queues. EventBridge does not tell KMS on behalf of which account or rule it
        # asks, so a condition would never hold. The queues' policies name the rules.
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for service in ["apigateway", "lambda"] : "${local.arn_prefix.logs}:log-group:/aws/${service}/${var.name_prefix}*"
            ]
          }
        }
      },
      ], length(var.subscriptions) == 0 ? [] : [{
        # Topics write to queues.
        Sid       = "Topics"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }])
  })
}

resource "aws_kms_alias" "this" {
  count = var.customer_managed_key ? 1 : 0

  name          = "alias/${var.name_prefix}data"
  target_key_id = aws_kms_key.this[0].key_id
}
