variable "name" {
  type        = string
  description = "Name of the function, of its role and of its log group."
}

variable "alias" {
  type        = string
  description = "Alias that mappings and rules invoke."
}

variable "held_version" {
  type        = string
  description = "The published version that the alias stays at; null: it follows what is deployed."
  default     = null
  nullable    = true
}

variable "zip" {
  type        = string
  description = "Path of the zip, which contains the binary `bootstrap`."
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64."
}

variable "memory_mb" {
  type        = number
  description = "Memory in MB, 128 to 10240."
}

variable "timeout_seconds" {
  type        = number
  description = "Timeout of one invocation, in seconds."
}

variable "reserved_concurrency" {
  type        = number
  description = "Concurrency reserved from the account's, which also limits the function; -1: none reserved."
}

variable "environment" {
  type        = map(string)
  description = "Environment variables."
}

variable "statements" {
  type        = any
  description = "Statements of the role's policy, except for those for the log group."
}

variable "account_id" {
  type        = string
  description = "The only account for which Lambda may assume the role."
}

variable "role_path" {
  type        = string
  description = "IAM path of the role."
  default     = "/"
}

variable "permissions_boundary" {
  type        = string
  description = "ARN of the role's permissions boundary; null: none."
  default     = null
  nullable    = true
}

variable "vpc" {
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  description = "Subnets and security groups in a VPC; null: outside any VPC."
  default     = null
  nullable    = true
}

variable "detailed_metrics" {
  type        = bool
  description = "Whether mappings of streams count events, and a metric of the memory used is made from the log."
  default     = false
}

variable "memory_metric" {
  type        = object({ namespace = string, name = string })
  description = "Metric of the memory used, in MB."
  default     = null
  nullable    = true
}

variable "log_level" {
  type        = string
  description = "Lowest level of the function's log lines: TRACE, DEBUG, INFO, WARN or ERROR."
}

variable "log_retention_days" {
  type        = number
  description = "Days for which logs are kept."
}

variable "xray_tracing" {
  type        = bool
  description = "Whether Lambda samples traces."
}

variable "layers" {
  type        = list(string)
  description = "ARNs of layer versions."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of environment variables and logs; null: the services' own keys."
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
  description = "How Lambda retries asynchronous invocations and gives them up; null: there are none."
  nullable    = true
}

variable "url_authorization" {
  type        = string
  description = "Who may call the function's URL: iam, with a signature; null: there is no URL."
  default     = null
  nullable    = true
}

variable "topics" {
  type        = map(string)
  description = "ARNs of the SNS topics that invoke the function, by subscription."
}

variable "rules" {
  type        = map(string)
  description = "ARNs of the EventBridge rules that invoke the function, by name."
}
