# What an account has or demands already, and the resources of this system must fit into.

variable "tags" {
  type        = map(string)
  description = "Further tags of every resource, such as a cost centre."
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : !contains(["system", "environment"], key) && !startswith(lower(key), "aws:") && length(key) <= 128 && length(value) <= 256])
    error_message = "tags sets \"system\" or \"environment\", which are set here already, begins with \"aws:\", or is longer than 128 characters for a key and 256 for a value."
  }
}

variable "role_path" {
  type        = string
  description = "IAM path of the functions' roles."
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]+/)*$", var.role_path))
    error_message = "role_path is \"${var.role_path}\"; a path begins and ends with a slash, such as \"/shop/\"."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The policy that bounds each role, where an account demands one. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "-")}\"; it is the ARN of a policy, such as \"arn:aws:iam::123456789012:policy/boundary\"."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "An existing KMS key for all data, instead of one of this environment's own. Its policy must grant what README.md, Encryption, lists. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn is \"${coalesce(var.kms_key_arn, "-")}\"; it is the ARN of a key (no alias), such as \"arn:aws:kms:us-east-1:123456789012:key/…\"."
  }

  validation {
    condition     = var.kms_key_arn == null || !var.customer_managed_key
    error_message = "Both customer_managed_key and kms_key_arn are set, and data has one key: switch customer_managed_key off, or remove kms_key_arn."
  }
}

variable "vpc" {
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  description = "Where the functions run, if they must reach something in a VPC. Its subnets need a way to the AWS APIs. Null: outside of any VPC."
  default     = null
  nullable    = true

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0 && alltrue([for id in var.vpc.subnet_ids : startswith(id, "subnet-")]) && alltrue([for id in var.vpc.security_group_ids : startswith(id, "sg-")])
    error_message = "vpc needs at least one of subnet_ids (\"subnet-…\") and of security_group_ids (\"sg-…\")."
  }
}

variable "page_topic_arn" {
  type        = string
  description = "An existing SNS topic for alarms that must wake somebody. CloudWatch must be allowed to publish to it. Null: one of this environment's own."
  default     = null
  nullable    = true

  validation {
    condition     = var.page_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.page_topic_arn))
    error_message = "page_topic_arn is \"${coalesce(var.page_topic_arn, "-")}\"; it is the ARN of a standard SNS topic, such as \"arn:aws:sns:us-east-1:123456789012:oncall\"."
  }
}

variable "ticket_topic_arn" {
  type        = string
  description = "The same for alarms that can wait for the next working day."
  default     = null
  nullable    = true

  validation {
    condition     = var.ticket_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.ticket_topic_arn))
    error_message = "ticket_topic_arn is \"${coalesce(var.ticket_topic_arn, "-")}\"; it is the ARN of a standard SNS topic, such as \"arn:aws:sns:us-east-1:123456789012:tickets\"."
  }
}
