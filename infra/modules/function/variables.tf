variable "name" {
  type        = string
  description = "Name at Lambda, of the role and of the log group."
}

variable "alias" {
  type        = string
  description = "Alias by which mappings and rules name the function."
}

variable "held_version" {
  type        = string
  description = "The published version that the alias stays at; null: it follows what is deployed."
  default     = null
  nullable    = true
}

variable "zip" {
  type        = string
  description = "The zip, with the binary `bootstrap` in it."
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64."
}

variable "memory_mb" {
  type        = number
  description = "Memory."
}

variable "timeout_seconds" {
  type        = number
  description = "Timeout of one invocation."
}

variable "reserved_concurrency" {
  type        = number
  description = "Concurrency reserved from the account's, which also limits the function; -1: none."
}

variable "environment" {
  type        = map(string)
  description = "Environment variables."
}

variable "statements" {
  type        = any
  description = "Statements of the role's policy, apart from those for the log group."
}

variable "account_id" {
  type        = string
  description = "The account, which alone may have Lambda assume the role."
}

variable "role_path" {
  type        = string
  description = "IAM path of the role."
  default     = "/"
}

variable "permissions_boundary" {
  type        = string
  description = "Policy that bounds the role; null: none."
  default     = null
  nullable    = true
}

variable "vpc" {
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  description = "Where in a VPC it runs; null: outside of any."
  default     = null
  nullable    = true
}

variable "detailed_metrics" {
  type        = bool
  description = "Whether mappings of streams count events, and the log is read for the memory that is used."
  default     = false
}

variable "memory_metric" {
  type        = object({ namespace = string, name = string })
  description = "The metric of the memory that is used, in MB."
  default     = null
  nullable    = true
}

variable "log_level" {
  type        = string
  description = "Least level of the function's own log lines."
}

variable "log_retention_days" {
  type        = number
  description = "How long logs are kept."
}

variable "xray_tracing" {
  type        = bool
  description = "Whether Lambda samples traces."
}

variable "layers" {
  type        = list(string)
  description = "ARNs of layers' versions."
}

variable "kms_key_arn" {
  type        = string
  description = "Key that encrypts environment variables and logs; null: the services' own."
  nullable    = true
}

variable "sources" {
  type = map(object({
    arn                        = string
    enabled                    = optional(bool, true)
    stream                     = optional(string)
    table                      = optional(string)
    queue                      = optional(string)
    batch_size                 = optional(number)
    batching_window_seconds    = number
    report_batch_item_failures = bool
    starting_position          = optional(string)

    starting_position_timestamp = optional(string)
    tumbling_window_seconds     = optional(number, 0)

    parallelization_factor     = optional(number)
    bisect_on_error            = bool
    maximum_retry_attempts     = optional(number)
    maximum_record_age_seconds = optional(number)
    maximum_concurrency        = optional(number)
    on_failure_arn             = optional(string)
    filter_criteria            = optional(list(object({ pattern = string })), [])
  }))
  description = "Event source mappings by name."
}

variable "asynchronous" {
  type = object({
    maximum_retry_attempts    = number
    maximum_event_age_seconds = number
    on_failure_arn            = string
    on_success_arn            = optional(string)
  })
  description = "How asynchronous invocations are retried and given up; null: nobody invokes it so."
  nullable    = true
}

variable "rules" {
  type        = map(string)
  description = "ARNs of the EventBridge rules that invoke it, by name."
}
