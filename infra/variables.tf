# What differs between environments. The system itself is declared in topology.auto.tfvars and typed in topology.tf.

variable "environment" {
  type        = string
  description = "Name of the environment, as in env/<name>.tfvars. It tags every resource and names the dashboard."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment is \"${var.environment}\"; allowed are 2 to 12 lower-case letters and digits, beginning with a letter. Pass -var-file=env/<name>.tfvars."
  }
}

variable "name_prefix" {
  type        = string
  description = "Begins the name of every resource, so that several environments fit into one account. Empty: the names of the topology as they are."

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,14}-)?$", var.name_prefix))
    error_message = "name_prefix is \"${var.name_prefix}\"; allowed is nothing, or at most 16 lower-case letters, digits and hyphens that begin with a letter and end with a hyphen, such as \"shop-dev-\"."
  }
}

variable "region" {
  type        = string
  description = "AWS region."
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; a region's code such as \"eu-west-1\" is allowed."
  }
}

variable "account_id" {
  type        = string
  description = "The AWS account that the environment is in. Credentials of every other account are refused. Null: the account of the first deployment."
  default     = null
  nullable    = true

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${coalesce(var.account_id, "-")}\"; an account has 12 digits, such as \"123456789012\"."
  }
}

variable "zip_directory" {
  type        = string
  description = "Where the functions' zips are: <zip_directory>/<function>/bootstrap.zip. A relative path begins at infra/."
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
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}; CloudWatch allows 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 and more years up to 3653."
  }
}

variable "xray_tracing" {
  type        = bool
  description = "Whether Lambda samples traces for X-Ray. X-Ray knows no single resources, so each role then has one statement on all of them."
  default     = false
}

variable "telemetry" {
  type = object({
    layer_arn = string
    endpoint  = optional(string, "http://localhost:4318")
  })
  description = "An OpenTelemetry collector as Lambda layer (its version's ARN), and where it listens. Functions built with FEATURES=tidegate/otel find it in OTEL_EXPORTER_OTLP_ENDPOINT. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = try(var.telemetry == null || can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.telemetry.layer_arn)), false)
    error_message = "telemetry.layer_arn is not the ARN of a layer's version; it looks like arn:aws:lambda:us-east-1:123456789012:layer:name:1."
  }
}

variable "customer_managed_key" {
  type        = bool
  description = "Whether data is encrypted with a KMS key of this environment's own instead of keys that AWS owns. Costs per key and per request. Turned off again, the key is unusable at once, and with it whatever it encrypted: README.md, Encryption."
  default     = false
}

variable "detailed_metrics" {
  type        = bool
  description = "Whether mappings of streams count events, and functions' memory is watched. AWS bills both as custom metrics."
  default     = true
}

variable "deletion_protection" {
  type        = bool
  description = "Whether AWS refuses to delete the tables. `make destroy` refuses as well while it is on."
  default     = true
}

variable "point_in_time_recovery" {
  type        = bool
  description = "Whether each table can be restored to any second of the last 35 days."
  default     = true
}

variable "reserve_concurrency" {
  type        = bool
  description = "Whether each function's maximum_concurrency is reserved from the account's, which also limits it. New accounts have too little to reserve from."
  default     = false
}

variable "schema_registry" {
  type        = bool
  description = "Whether the events' schemas (events/registry) go into an EventBridge schema registry."
  default     = true
}

variable "alarm_email_addresses" {
  type        = list(string)
  description = "Who is told of all alarms, through this environment's own topics. Each address gets a mail for each topic that asks for confirmation."
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_email_addresses : can(regex("^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$", address))])
    error_message = "alarm_email_addresses has an entry that is no e-mail address; one looks like oncall@example.com."
  }
}

variable "tls_required" {
  type        = bool
  description = "Whether queues, buckets and topics deny requests without TLS. False for emulators alone, which speak HTTP."
  default     = true
}

variable "force_destroy" {
  type        = bool
  description = "Whether buckets are deleted with what is in them."
  default     = false
}

variable "stream_shards" {
  type        = map(number)
  description = "Shards of a stream in this environment, by its declared name, instead of the topology's."
  default     = {}

  validation {
    condition     = alltrue([for name, shards in var.stream_shards : contains(keys(var.streams), name)])
    error_message = "stream_shards names a stream that is not declared; declared: ${join(", ", keys(var.streams))}."
  }

  validation {
    condition     = alltrue([for name, shards in var.stream_shards : shards >= 1 && shards <= 10000 && floor(shards) == shards])
    error_message = "stream_shards has a number outside 1 to 10000."
  }

  validation {
    condition = alltrue([for name, function in var.functions : coalesce(try(var.function_overrides[name].maximum_concurrency, null), function.maximum_concurrency) >= sum(concat([0], [
      for source in function.sources :
      source.queue != null ? source.maximum_concurrency : source.table != null ? local.table_partitions : lookup(var.stream_shards, source.stream, var.streams[source.stream].shards) * coalesce(source.parallelization_factor, 1)
    ]))])
    error_message = "With these stream_shards a function that reads them would be throttled: shards by parallelization_factor are more than its maximum_concurrency. Raise that in function_overrides."
  }
}

variable "stream_retention_hours" {
  type        = map(number)
  description = "How long a stream's records can be read in this environment, by its declared name, if it is longer than in the topology."
  default     = {}

  validation {
    condition     = alltrue([for name, hours in var.stream_retention_hours : contains(keys(var.streams), name)])
    error_message = "stream_retention_hours names a stream that is not declared; declared: ${join(", ", keys(var.streams))}."
  }

  validation {
    condition     = alltrue([for name, hours in var.stream_retention_hours : hours >= try(var.streams[name].retention_hours, 24) && hours <= 8760 && floor(hours) == hours])
    error_message = "stream_retention_hours has a number above 8760, or below the topology's, from which the ages of mappings follow."
  }
}

variable "function_overrides" {
  type = map(object({
    memory_mb           = optional(number)
    maximum_concurrency = optional(number)
    environment         = optional(map(string), {})
  }))
  description = "What is different for a function in this environment, by its declared name: memory_mb, maximum_concurrency, further or other values of its declared environment."
  default     = {}

  validation {
    condition     = alltrue([for name, override in var.function_overrides : contains(keys(var.functions), name)])
    error_message = "function_overrides names a function that is not declared; declared: ${join(", ", keys(var.functions))}."
  }

  validation {
    condition = alltrue(flatten([
      for name, override in var.function_overrides : [for variable, value in override.environment : contains(keys(try(var.functions[name].environment, {})), variable)]
    ]))
    error_message = "function_overrides sets an environment variable that the function does not declare in the topology; declare it there with a default first."
  }

  validation {
    condition     = alltrue([for name, override in var.function_overrides : coalesce(override.memory_mb, 128) >= 128 && coalesce(override.memory_mb, 128) <= 10240])
    error_message = "function_overrides has a memory_mb outside 128 to 10240."
  }

  validation {
    condition = alltrue([for name, override in var.function_overrides : coalesce(override.maximum_concurrency, try(var.functions[name].maximum_concurrency, 1)) >= sum(concat([0], [
      for source in try(var.functions[name].sources, {}) :
      source.queue != null ? source.maximum_concurrency : source.table != null ? local.table_partitions : var.streams[source.stream].shards * coalesce(source.parallelization_factor, 1)
    ]))])
    error_message = "function_overrides has a maximum_concurrency below what the function's sources together run at a time: Lambda would throttle them."
  }
}

variable "sender_owner" {
  type        = string
  description = "The environment that registers the senders at SES: sender_domain, or the addresses. An identity is there once per account and region; environments that share it name the same owner. Null: it is registered elsewhere."
  default     = null
  nullable    = true

  validation {
    condition     = var.sender_owner == null || can(regex("^[a-z][a-z0-9]{1,11}$", var.sender_owner))
    error_message = "sender_owner is \"${coalesce(var.sender_owner, "-")}\"; it is the name of an environment, such as \"prod\"."
  }
}

variable "sender_domain" {
  type        = string
  description = "A domain that SES verifies by DKIM instead of each sender address. The output sender_dkim_records says what its DNS zone needs. Null: addresses are confirmed one by one."
  default     = null
  nullable    = true

  validation {
    condition     = var.sender_domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}$", var.sender_domain))
    error_message = "sender_domain is \"${coalesce(var.sender_domain, "-")}\"; it is a domain in lower case, such as \"shop.example.com\"."
  }

  validation {
    condition = var.sender_domain == null || alltrue([
      for declared in distinct(flatten([for function in var.functions : [for use in function.uses : use.email if use.email != null]])) :
      try(regex("^[^@]+@(?:[^@]+[.])?${replace(var.sender_domain, ".", "[.]")}$", lower(lookup(var.email_addresses, declared, declared))), null) != null
    ])
    error_message = "A sender address is not of sender_domain (${coalesce(var.sender_domain, "-")}), and SES would refuse its mail: set email_addresses to addresses of the domain."
  }
}

variable "email_addresses" {
  type        = map(string)
  description = "The real sender address in this environment, by the one declared in the topology."
  default     = {}

  validation {
    condition     = alltrue([for declared, real in var.email_addresses : can(regex("^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$", real))])
    error_message = "email_addresses has a value that is no e-mail address; one looks like orders@example.com."
  }

  validation {
    condition = alltrue([
      for declared, real in var.email_addresses :
      contains(flatten([for function in var.functions : [for use in function.uses : use.email if use.email != null]]), declared)
    ])
    error_message = "email_addresses names an address that no function declares."
  }
}
