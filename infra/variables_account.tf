# What an account already has or demands, into which the resources of this system must fit.

variable "tags" {
  type        = map(string)
  description = "Additional tags of every resource, such as a cost centre."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/tags.tftpl", { tags = var.tags }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/tags.tftpl", { tags = var.tags }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "role_path" {
  type        = string
  description = "IAM path of the functions' roles."
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]+/)*$", var.role_path))
    error_message = "role_path is \"${var.role_path}\"; it must begin and end with a slash, such as \"/shop/\"."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of each role, where an account demands one. Null: none."
  default     = null
  nullable    = true

  validation {
    condition = var.permissions_boundary_arn == null || can(regex(
      "^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn
    ))
    error_message = <<-EOT
      permissions_boundary_arn is "${coalesce(var.permissions_boundary_arn, "-")}"; the ARN of a policy is needed,
      such as "arn:aws:iam::123456789012:policy/boundary".
    EOT
  }
}

variable "kms_key_arn" {
  type        = string
  description = "An existing KMS key for all data. README.md, Encryption, lists what its policy must allow. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = <<-EOT
      kms_key_arn is "${coalesce(var.kms_key_arn, "-")}"; the ARN of a key (not of an alias) is needed,
      such as "arn:aws:kms:us-east-1:123456789012:key/…".
    EOT
  }

  validation {
    condition     = var.kms_key_arn == null || !var.customer_managed_key
    error_message = "customer_managed_key and kms_key_arn exclude each other: switch the first off, or remove the second."
  }
}

variable "vpc" {
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  description = "VPC in which the functions run, if they must reach something there. Its subnets need a route to the AWS APIs. Null: none."
  default     = null
  nullable    = true

  validation {
    condition = var.vpc == null ? true : (
      length(var.vpc.subnet_ids) > 0 && alltrue([for id in var.vpc.subnet_ids : startswith(id, "subnet-")]) &&
      length(var.vpc.security_group_ids) > 0 && alltrue([for id in var.vpc.security_group_ids : startswith(id, "sg-")])
    )
    error_message = "vpc needs one or more subnet_ids (\"subnet-…\") and one or more security_group_ids (\"sg-…\")."
  }
}

variable "page_topic_arn" {
  type        = string
  description = "Existing SNS topic for alarms that must wake somebody; it must let CloudWatch publish. Null: this environment has its own."
  default     = null
  nullable    = true

  validation {
    condition = var.page_topic_arn == null || can(regex(
      "^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.page_topic_arn
    ))
    error_message = <<-EOT
      page_topic_arn is "${coalesce(var.page_topic_arn, "-")}"; the ARN of a standard SNS topic is needed,
      such as "arn:aws:sns:us-east-1:123456789012:oncall".
    EOT
  }
}

variable "ticket_topic_arn" {
  type        = string
  description = "Existing SNS topic for alarms that can wait for the next working day. Null: this environment has its own."
  default     = null
  nullable    = true

  validation {
    condition = var.ticket_topic_arn == null || can(regex(
      "^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.ticket_topic_arn
    ))
    error_message = <<-EOT
      ticket_topic_arn is "${coalesce(var.ticket_topic_arn, "-")}"; the ARN of a standard SNS topic is needed,
      such as "arn:aws:sns:us-east-1:123456789012:tickets".
    EOT
  }
}
