# What differs between environments. topology.auto.tfvars declares the system itself, and
# topology.tf has its types. The rules here are Terraform's: `tidegate topology check` reads no
# environment. Rules about several entries are templates in validations/; topology.tf says why.

variable "environment" {
  type        = string
  description = "Name of the environment, as in env/<name>.tfvars. It is a tag of every resource and names the dashboard."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = <<-EOT
      environment is "${var.environment}"; allowed are 2 to 12 lower-case letters and digits, beginning
      with a letter. Pass -var-file=env/<name>.tfvars.
    EOT
  }
}

variable "name_prefix" {
  type        = string
  description = "Begins the name of every resource, so that an account can have several environments. Empty: the topology's names."

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,14}-)?$", var.name_prefix))
    error_message = <<-EOT
      name_prefix is "${var.name_prefix}"; allowed is nothing, or at most 16 lower-case letters, digits and
      hyphens that begin with a letter and end with a hyphen, such as "shop-dev-".
    EOT
  }
}

variable "region" {
  type        = string
  description = "AWS region."
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; the code of a region is allowed, such as \"eu-west-1\"."
  }
}

variable "account_id" {
  type        = string
  description = "AWS account of the environment; Terraform refuses credentials of any other. Null: the account of the first deployment."
  default     = null
  nullable    = true

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${coalesce(var.account_id, "-")}\"; an account has 12 digits, such as \"123456789012\"."
  }
}

variable "zip_directory" {
  type        = string
  description = "Directory of the functions' zips, <zip_directory>/<function>/bootstrap.zip. A relative path begins at infra/."
  default     = "../target/lambda"
}

variable "placeholder_zip" {
  type        = string
  description = "One zip for every function, instead of zip_directory. For tests that do not run functions."
  default     = null
  nullable    = true
}

variable "architecture" {
  type        = string
  description = "What the zips are built for: x86_64 (tested) or arm64 (cheaper)."
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is \"${var.architecture}\"; allowed are \"x86_64\" and \"arm64\"."
  }
}

variable "log_level" {
  type        = string
  description = "What functions log: TRACE, DEBUG, INFO, WARN or ERROR."
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level is \"${var.log_level}\"; allowed are TRACE, DEBUG, INFO, WARN and ERROR."
  }
}

variable "log_retention_days" {
  type        = number
  description = "How long logs are kept, in days."
  default     = 14

  validation {
    condition = contains([
      1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = <<-EOT
      log_retention_days is ${var.log_retention_days}; CloudWatch allows 1, 3, 5, 7, 14, 30, 60, 90, 120,
      150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653.
    EOT
  }
}

variable "xray_tracing" {
  type        = bool
  description = "Whether Lambda samples traces for X-Ray. Each role then has one statement on all resources: X-Ray has none to name."
  default     = false
}

variable "telemetry" {
  type = object({
    layer_arn = string
    endpoint  = optional(string, "http://localhost:4318")
  })
  description = <<-EOT
    An OpenTelemetry collector as a Lambda layer: the ARN of its version, and where it listens. Functions
    built with FEATURES=tidegate/otel find it in OTEL_EXPORTER_OTLP_ENDPOINT. Null: none.
  EOT
  default     = null
  nullable    = true

  validation {
    condition = var.telemetry == null || can(regex(
      "^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.telemetry.layer_arn
    ))
    error_message = "telemetry.layer_arn is not the ARN of a layer's version, such as arn:aws:lambda:us-east-1:123456789012:layer:name:1."
  }
}

variable "customer_managed_key" {
  type        = bool
  description = <<-EOT
    Whether this environment has a KMS key of its own for its data, instead of keys that AWS owns. AWS bills
    the key and each request. If you turn it off, the key and what it encrypted are unusable at once:
    README.md, Encryption.
  EOT
  default     = false
}

variable "detailed_metrics" {
  type        = bool
  description = "Whether mappings of streams count events, and alarms watch the functions' memory. AWS bills both as custom metrics."
  default     = true
}

variable "deletion_protection" {
  type        = bool
  description = "Whether AWS and `make destroy` refuse to delete the tables."
  default     = true
}

variable "point_in_time_recovery" {
  type        = bool
  description = "Whether each table can be restored to any second of the last 35 days."
  default     = true
}

variable "reserve_concurrency" {
  type        = bool
  description = "Whether each function's maximum_concurrency is reserved, which also limits it. New accounts have too little to reserve."
  default     = false
}

variable "schema_registry" {
  type        = bool
  description = "Whether the events' schemas (events/registry) go into an EventBridge schema registry."
  default     = true
}

variable "alarm_email_addresses" {
  type        = list(string)
  description = "Addresses subscribed to this environment's own topics of alarms. Each must confirm two mails, one for each topic."
  default     = []

  validation {
    condition = alltrue([
      for address in var.alarm_email_addresses : can(regex("^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$", address))
    ])
    error_message = "alarm_email_addresses needs addresses such as oncall@example.com; it is ${join(", ", var.alarm_email_addresses)}."
  }
}

variable "tls_required" {
  type        = bool
  description = "Whether queues, buckets and topics deny requests without TLS. Only for emulators, which speak HTTP, it is false."
  default     = true
}

variable "force_destroy" {
  type        = bool
  description = "Whether buckets are deleted with the objects in them."
  default     = false
}

variable "stream_shards" {
  type        = map(number)
  description = "Shards of a stream in this environment, by its declared name, in place of the topology's."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/stream_shards.tftpl",
      merge(local.stream_shards_context, { stream_shards = var.stream_shards })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/stream_shards.tftpl",
      merge(local.stream_shards_context, { stream_shards = var.stream_shards })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "stream_retention_hours" {
  type        = map(number)
  description = "Hours for which this environment keeps a stream's records, by its declared name, if more than in the topology."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/stream_retention_hours.tftpl",
      { stream_retention_hours = var.stream_retention_hours, streams = var.streams }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/stream_retention_hours.tftpl",
      { stream_retention_hours = var.stream_retention_hours, streams = var.streams }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "function_overrides" {
  type = map(object({
    memory_mb           = optional(number)
    maximum_concurrency = optional(number)
    environment         = optional(map(string), {})
  }))
  description = "By a function's declared name: memory_mb, maximum_concurrency, and values of its declared environment variables."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/function_overrides.tftpl",
      merge(local.function_overrides_context, { function_overrides = var.function_overrides })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/function_overrides.tftpl",
      merge(local.function_overrides_context, { function_overrides = var.function_overrides })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "sender_owner" {
  type        = string
  description = <<-EOT
    The environment that registers the senders at SES: sender_domain, or the addresses. SES has an identity
    once per account and region; environments that share it name the same owner. Null: it is registered
    elsewhere.
  EOT
  default     = null
  nullable    = true

  validation {
    condition     = var.sender_owner == null || can(regex("^[a-z][a-z0-9]{1,11}$", var.sender_owner))
    error_message = "sender_owner is \"${coalesce(var.sender_owner, "-")}\"; the name of an environment is allowed, such as \"prod\"."
  }
}

variable "sender_domain" {
  type        = string
  description = <<-EOT
    A domain that SES verifies by DKIM, in place of each sender address. The output sender_dkim_records has
    the records for its DNS zone. Null: each address is confirmed by a mail.
  EOT
  default     = null
  nullable    = true

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/sender_domain.tftpl",
      { sender_domain = var.sender_domain, senders = values(local.email_addresses) }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/sender_domain.tftpl",
      { sender_domain = var.sender_domain, senders = values(local.email_addresses) }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "email_addresses" {
  type        = map(string)
  description = "The real sender address in this environment, by the one declared in the topology."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/email_addresses.tftpl",
      { email_addresses = var.email_addresses, senders = local.declared_senders }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/email_addresses.tftpl",
      { email_addresses = var.email_addresses, senders = local.declared_senders }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# What the rules of a variable refer to beside the variable itself.
locals {
  # How many batches the sources of a function run at a time, as validations/functions.tftpl has it;
  # and the same without those of Kinesis streams, whose shards an environment can change.
  batches_beside_streams = {
    for name, function in var.functions : name => sum(concat([0], [
      for mapping in function.sources : mapping.queue != null ? mapping.maximum_concurrency : local.table_partitions
      if mapping.stream == null
    ]))
  }
  batches_of_sources = {
    for name, function in var.functions : name => local.batches_beside_streams[name] + sum(concat([0], [
      for mapping in function.sources : var.streams[mapping.stream].shards * coalesce(mapping.parallelization_factor, 1)
      if mapping.stream != null
    ]))
  }
  stream_shards_context = {
    batches_beside_streams = local.batches_beside_streams
    function_overrides     = var.function_overrides
    functions              = var.functions
    streams                = var.streams
  }
  function_overrides_context = {
    batches_of_sources = local.batches_of_sources
    functions          = var.functions
  }

  declared_senders = distinct(flatten([
    for function in var.functions : [for use in function.uses : use.email if use.email != null]
  ]))
}
