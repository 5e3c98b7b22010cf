variable "name" {
  type        = string
  description = "Name at SQS, with the ending .fifo for a FIFO queue."
}

variable "arn" {
  type        = string
  description = "ARN, built from the name."
}

variable "fifo" {
  type        = bool
  description = "Whether it is a FIFO queue."
}

variable "retention_seconds" {
  type        = number
  description = "Seconds for which a message is kept."
}

variable "visibility_timeout_seconds" {
  type        = number
  description = "Seconds for which a received message stays hidden."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the messages; null: SQS's own key."
  nullable    = true
}

variable "redrive_sources" {
  type        = list(string)
  description = "ARNs of the queues that redrive to this one."
}

variable "tls_required" {
  type        = bool
  description = "Whether requests without TLS are denied."
}

variable "rules" {
  type        = list(string)
  description = "ARNs of the EventBridge rules that write to the queue."
}

variable "scheduled" {
  type        = bool
  description = "Whether schedules send to the queue."
  default     = false
}

variable "topics" {
  type        = list(string)
  description = "ARNs of the SNS topics that write to the queue."
}

# Policies are attributes of the queue where possible: Terraform waits for half a minute for each
# resource of its own.
resource "aws_sqs_queue" "this" {
  name       = var.name
  fifo_queue = var.fifo
  # EventBridge and its Scheduler send no deduplication id.
  content_based_deduplication = var.fifo && (length(var.rules) > 0 || var.scheduled) ? true : null
  message_retention_seconds   = var.retention_seconds
  visibility_timeout_seconds  = var.visibility_timeout_seconds
  receive_wait_time_seconds   = 20
  sqs_managed_sse_enabled     = var.kms_key_arn == null ? true : null
  kms_master_key_id           = var.kms_key_arn

  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600

  redrive_allow_policy = length(var.redrive_sources) == 0 ? jsonencode({ redrivePermission = "denyAll" }) : jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = var.redrive_sources
  })

  policy = !var.tls_required && length(concat(var.rules, var.topics)) == 0 ? null : jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for required in [var.tls_required] : {
        Sid       = "OnlyEncryptedConnections"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = var.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      } if required],
      length(var.rules) == 0 ? [] : [{
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = var.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.rules } }
      }],
      length(var.topics) == 0 ? [] : [{
        Sid       = "Topics"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = var.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.topics } }
      }],
    )
  })
}

output "arn" {
  value       = aws_sqs_queue.this.arn
  description = "ARN of the queue."
}

output "url" {
  value       = aws_sqs_queue.this.url
  description = "URL of the queue."
}
