variable "name" {
  type        = string
  description = "Name at Kinesis."
}

variable "shards" {
  type        = number
  description = "Number of shards."
}

variable "retention_hours" {
  type        = number
  description = "Hours for which a record can be read."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the records; null: Kinesis's own key in this account."
  nullable    = true
}

resource "aws_kinesis_stream" "this" {
  name             = var.name
  shard_count      = var.shards
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = coalesce(var.kms_key_arn, "alias/aws/kinesis")

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

output "arn" {
  value       = aws_kinesis_stream.this.arn
  description = "ARN of the stream."
}

output "retention_hours" {
  value       = aws_kinesis_stream.this.retention_period
  description = "Hours for which a record can be read."
}
