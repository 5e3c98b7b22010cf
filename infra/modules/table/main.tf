variable "name" {
  type        = string
  description = "Name at DynamoDB."
}

variable "partition_key" {
  type        = object({ name = string, type = string })
  description = "Attribute of the partition key, and its type: S, N or B."
}

variable "sort_key" {
  type        = object({ name = string, type = string })
  description = "Attribute of the sort key, and its type; null: none."
  nullable    = true
}

variable "indexes" {
  type = map(object({
    partition_key = object({ name = string, type = string })
    sort_key      = optional(object({ name = string, type = string }))
    projection    = optional(string, "ALL")
    attributes    = optional(list(string), [])
  }))
  description = "Global secondary indexes by name: keys, and which attributes they have."
  default     = {}
  nullable    = false
}

variable "stream_view" {
  type        = string
  description = "Content of the records of the table's stream, such as NEW_IMAGE; null: no stream."
  nullable    = true
}

variable "ttl_attribute" {
  type        = string
  description = "Attribute with the time after which DynamoDB may delete an item; null: none."
  nullable    = true
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the table; null: DynamoDB's own key."
  nullable    = true
}

variable "point_in_time_recovery" {
  type        = bool
  description = "Whether the table can be restored to any second of the last 35 days."
}

variable "deletion_protection" {
  type        = bool
  description = "Whether AWS refuses to delete the table."
}

locals {
  # An attribute may be a key of the table and of several indexes. DynamoDB wants it once.
  keys = distinct(concat(
    [var.partition_key],
    [for key in [var.sort_key] : key if key != null],
    [for index in var.indexes : index.partition_key],
    [for index in var.indexes : index.sort_key if index.sort_key != null],
  ))
}

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.partition_key.name
  range_key                   = try(var.sort_key.name, null)
  stream_enabled              = var.stream_view != null
  stream_view_type            = var.stream_view
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.keys

    content {
      name = attribute.value.name
      type = attribute.value.type
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes

    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.partition_key.name
      range_key          = try(global_secondary_index.value.sort_key.name, null)
      projection_type    = global_secondary_index.value.projection
      non_key_attributes = global_secondary_index.value.projection == "INCLUDE" ? global_secondary_index.value.attributes : null
    }
  }

  dynamic "ttl" {
    for_each = var.ttl_attribute == null ? [] : [var.ttl_attribute]

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  # If it is not enabled, DynamoDB owns the key. Enabled without a key, AWS would bill each request.
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

output "arn" {
  value       = aws_dynamodb_table.this.arn
  description = "ARN of the table."
}

output "stream_arn" {
  value       = var.stream_view == null ? null : aws_dynamodb_table.this.stream_arn
  description = "ARN of the table's stream; null if it has none."
}
