# The shape of topology.auto.tfvars, and the rules that would otherwise only be noticed in operation. `tidegate topology check` knows more of
# them, and the line of each mistake.

locals {
  # A new table on demand takes 4000 writes per second from the start, on four partitions of 1000. Each has a shard of its own in the table's stream.
  table_partitions = 4

  # How long DynamoDB keeps the records of a table's stream.
  table_stream_retention_seconds = 86400

  # A long weekend: nobody has to look at a queue of failures sooner.
  least_failure_retention_seconds = 345600
}

variable "event_bytes_limit" {
  type        = number
  description = "Largest message of a queue, in bytes. An event that does not fit into one (with 4096 bytes for what is put around it) travels as a reference to the event store."
  default     = 262144

  validation {
    condition     = var.event_bytes_limit >= 8192 && var.event_bytes_limit <= 262144
    error_message = "event_bytes_limit is ${var.event_bytes_limit}; a queue takes 8192 to 262144 bytes, and a failed event goes to one."
  }
}

variable "metrics_namespace" {
  type        = string
  nullable    = false
  description = "Where CloudWatch keeps the metrics that the functions write, and where alarms and dashboard look for them."

  validation {
    condition     = can(regex("^[A-Za-z0-9 ._/#-][A-Za-z0-9 ._/#:-]{0,254}$", var.metrics_namespace)) && trimspace(var.metrics_namespace) != "" && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace is \"${var.metrics_namespace}\"; CloudWatch takes 1 to 255 letters, digits, spaces and .-_/#:, not beginning with AWS/ or a colon."
  }
}

variable "streams" {
  type = map(object({
    shards          = optional(number, 1)
    retention_hours = optional(number, 24)
  }))
  description = "Kinesis streams by name."
  default     = {}

  validation {
    condition     = alltrue([for name, stream in var.streams : stream.shards >= 1 && stream.retention_hours >= 24 && stream.retention_hours <= 8760])
    error_message = "A stream needs at least 1 shard and 24 to 8760 retention_hours: ${join(", ", [for name, stream in var.streams : name if !(stream.shards >= 1 && stream.retention_hours >= 24 && stream.retention_hours <= 8760)])}."
  }
}

variable "tables" {
  type = map(object({
    partition_key         = object({ name = string, type = string })
    sort_key              = optional(object({ name = string, type = string }))
    stream_view           = optional(string)
    ttl_attribute         = optional(string)
    record_retention_days = optional(number)
    cause_retention_days  = optional(number)
  }))
  description = "DynamoDB tables by name, all on demand."
  default     = {}

  validation {
    condition     = alltrue([for name, table in var.tables : contains(["S", "N", "B"], table.partition_key.type) && contains(["S", "N", "B"], try(table.sort_key.type, "S"))])
    error_message = "The type of a table's key is S, N or B: ${join(", ", [for name, table in var.tables : name if !(contains(["S", "N", "B"], table.partition_key.type) && contains(["S", "N", "B"], try(table.sort_key.type, "S")))])}."
  }

  validation {
    condition     = alltrue([for name, table in var.tables : contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], coalesce(table.stream_view, "NEW_IMAGE"))])
    error_message = "A table's stream_view is KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES: ${join(", ", [for name, table in var.tables : name if !contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], coalesce(table.stream_view, "NEW_IMAGE"))])}."
  }

  validation {
    condition     = alltrue([for name, table in var.tables : table.record_retention_days == null ? true : table.ttl_attribute != null && table.record_retention_days >= 15])
    error_message = "A table with record_retention_days has a ttl_attribute and keeps records for 15 days or more, since a dead letter is replayed for 14: ${join(", ", [for name, table in var.tables : name if table.record_retention_days == null ? false : table.ttl_attribute == null || table.record_retention_days < 15])}."
  }

  validation {
    condition     = alltrue([for name, table in var.tables : table.cause_retention_days == null ? true : table.cause_retention_days >= 15 && table.cause_retention_days <= 3650])
    error_message = "Snapshots remember causes (cause_retention_days) for 15 to 3650 days, since a dead letter is replayed for 14: ${join(", ", [for name, table in var.tables : name if table.cause_retention_days == null ? false : table.cause_retention_days < 15 || table.cause_retention_days > 3650])}."
  }
}

variable "queues" {
  type = map(object({
    retention_seconds          = optional(number, 345600)
    fifo                       = optional(bool, false)
    visibility_timeout_seconds = optional(number, 30)
    redrive                    = optional(object({ queue = string, maximum_receives = number }))
  }))
  description = "SQS queues by name."
  default     = {}

  validation {
    condition     = alltrue([for name, queue in var.queues : queue.retention_seconds >= 60 && queue.retention_seconds <= 1209600 && queue.visibility_timeout_seconds >= 0 && queue.visibility_timeout_seconds <= 43200])
    error_message = "A queue keeps messages for 60 to 1209600 seconds and hides them for 0 to 43200: ${join(", ", [for name, queue in var.queues : name if !(queue.retention_seconds >= 60 && queue.retention_seconds <= 1209600 && queue.visibility_timeout_seconds >= 0 && queue.visibility_timeout_seconds <= 43200)])}."
  }

  validation {
    condition     = alltrue([for name, queue in var.queues : queue.redrive == null ? true : contains(keys(var.queues), queue.redrive.queue) && queue.redrive.queue != name && queue.redrive.maximum_receives >= 5])
    error_message = "A queue's redrive names another declared queue, and maximum_receives of at least 5, since a throttled function uses up receives: ${join(", ", [for name, queue in var.queues : name if queue.redrive == null ? false : !contains(keys(var.queues), queue.redrive.queue) || queue.redrive.queue == name || queue.redrive.maximum_receives < 5])}."
  }

  validation {
    condition     = alltrue([for name, queue in var.queues : try(var.queues[queue.redrive.queue].retention_seconds >= queue.retention_seconds + local.least_failure_retention_seconds, true)])
    error_message = "A dead-letter queue keeps messages for four days (${local.least_failure_retention_seconds} seconds) longer than its source, because a moved message keeps its age: ${join(", ", [for name, queue in var.queues : "${queue.redrive.queue} for ${name}" if try(var.queues[queue.redrive.queue].retention_seconds < queue.retention_seconds + local.least_failure_retention_seconds, false)])}."
  }
}

variable "topics" {
  type        = map(object({}))
  description = "SNS topics by name. Who subscribes to them is not declared."
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.topics), ["alarms-page", "alarms-ticket"])) == 0
    error_message = "The topics \"alarms-page\" and \"alarms-ticket\" are those that alarms are sent to; another name is needed."
  }
}

variable "buckets" {
  type        = map(object({ expiration_days = number }))
  description = "S3 buckets by name."
  default     = {}

  validation {
    condition     = alltrue([for name, bucket in var.buckets : bucket.expiration_days >= 1])
    error_message = "A bucket's expiration_days is at least 1: ${join(", ", [for name, bucket in var.buckets : name if bucket.expiration_days < 1])}."
  }
}

variable "buses" {
  type        = map(object({ archive_days = optional(number, 0) }))
  description = "EventBridge buses by name."
  default     = {}

  validation {
    condition     = alltrue([for name, bus in var.buses : bus.archive_days >= 0 && name != "default"])
    error_message = "A bus has a name other than \"default\", which is AWS's own, and archive_days of 0 (no archive) or more."
  }
}

# Each pattern has a shape of its own, and a map of objects needs one shape for all.
# tflint-ignore: terraform_typed_variables
variable "rules" {
  type        = any
  description = "EventBridge rules by name, each with one target."
  default     = {}

  validation {
    condition     = alltrue([for name, rule in var.rules : can(rule.bus) && can(rule.pattern) && can(rule.target.dead_letter_queue) && can(rule.target.maximum_retry_attempts) && can(rule.target.maximum_event_age_seconds)])
    error_message = "A rule has bus, pattern and target with dead_letter_queue, maximum_retry_attempts and maximum_event_age_seconds: ${join(", ", [for name, rule in var.rules : name if !(can(rule.bus) && can(rule.pattern) && can(rule.target.dead_letter_queue) && can(rule.target.maximum_retry_attempts) && can(rule.target.maximum_event_age_seconds))])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : contains(keys(var.buses), try(rule.bus, ""))])
    error_message = "A rule listens on a declared bus (${join(", ", keys(var.buses))}): ${join(", ", [for name, rule in var.rules : name if !contains(keys(var.buses), try(rule.bus, ""))])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : contains(keys(var.functions), try(rule.target.function, "")) != contains(keys(var.queues), try(rule.target.queue, ""))])
    error_message = "A rule's target is exactly one of a declared function and a declared queue: ${join(", ", [for name, rule in var.rules : name if contains(keys(var.functions), try(rule.target.function, "")) == contains(keys(var.queues), try(rule.target.queue, ""))])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : try(!var.queues[rule.target.dead_letter_queue].fifo, false)])
    error_message = "A rule's dead_letter_queue is a declared standard queue: ${join(", ", [for name, rule in var.rules : name if try(var.queues[rule.target.dead_letter_queue].fifo, true)])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : can(rule.target.message_group_id) || !try(var.queues[rule.target.queue].fifo, false)])
    error_message = "A rule whose target is a FIFO queue has a message_group_id: ${join(", ", [for name, rule in var.rules : name if !can(rule.target.message_group_id) && try(var.queues[rule.target.queue].fifo, false)])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : can(rule.target.queue) || !can(rule.target.message_group_id)])
    error_message = "A message_group_id is for a rule whose target is a queue: ${join(", ", [for name, rule in var.rules : name if can(rule.target.message_group_id) && !can(rule.target.queue)])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : try(rule.target.maximum_retry_attempts >= 0 && rule.target.maximum_retry_attempts <= 185 && rule.target.maximum_event_age_seconds >= 60 && rule.target.maximum_event_age_seconds <= 86400, false)])
    error_message = "A rule's target is retried 0 to 185 times, for 60 to 86400 seconds: ${join(", ", [for name, rule in var.rules : name if !try(rule.target.maximum_retry_attempts >= 0 && rule.target.maximum_retry_attempts <= 185 && rule.target.maximum_event_age_seconds >= 60 && rule.target.maximum_event_age_seconds <= 86400, false)])}."
  }

  validation {
    condition     = alltrue([for name, rule in var.rules : try(var.functions[rule.target.function].asynchronous != null, true)])
    error_message = "A function that a rule invokes declares asynchronous with an on_failure, or what it cannot handle would be lost: ${join(", ", distinct([for name, rule in var.rules : rule.target.function if try(var.functions[rule.target.function].asynchronous == null, false)]))}."
  }

  validation {
    condition = alltrue(flatten([for name, rule in var.rules : [
      for use in flatten([for target, function in var.functions : values(function.uses) if try(rule.target.function == target, false) || anytrue([for mapping in function.sources : try(mapping.queue == rule.target.queue, false)])]) : try(var.tables[use.table].record_retention_days > var.buses[rule.bus].archive_days, true)
    ]]))
    error_message = "A table's record_retention_days are more than the archive_days of a bus whose rules reach a function that uses it, since what is replayed from the archive and has no record any more takes effect again: ${join(", ", distinct(flatten([for name, rule in var.rules : [
      for use in flatten([for target, function in var.functions : values(function.uses) if try(rule.target.function == target, false) || anytrue([for mapping in function.sources : try(mapping.queue == rule.target.queue, false)])]) : "${use.table} for ${rule.bus}" if try(var.tables[use.table].record_retention_days <= var.buses[rule.bus].archive_days, false)
    ]])))}."
  }

  validation {
    condition = alltrue(flatten([for name, rule in var.rules : [
      for use in flatten([for target, function in var.functions : values(function.uses) if try(rule.target.function == target, false) || anytrue([for mapping in function.sources : try(mapping.queue == rule.target.queue, false)])]) : try(var.tables[use.table].cause_retention_days > var.buses[rule.bus].archive_days, true)
    ]]))
    error_message = "A table's cause_retention_days are more than the archive_days of a bus whose rules reach a function that uses it, since what is older is compared with the whole stream: ${join(", ", distinct(flatten([for name, rule in var.rules : [
      for use in flatten([for target, function in var.functions : values(function.uses) if try(rule.target.function == target, false) || anytrue([for mapping in function.sources : try(mapping.queue == rule.target.queue, false)])]) : "${use.table} for ${rule.bus}" if try(var.tables[use.table].cause_retention_days <= var.buses[rule.bus].archive_days, false)
    ]])))}."
  }
}

variable "functions" {
  type = map(object({
    memory_mb            = optional(number, 128)
    timeout_seconds      = optional(number, 3)
    maximum_concurrency  = optional(number, 10)
    reserved_concurrency = optional(number)
    command              = optional(list(string)) # what the local engine alone runs
    directory            = optional(string)
    uses = optional(map(object({
      table  = optional(string)
      queue  = optional(string)
      bucket = optional(string)
      bus    = optional(string)
      stream = optional(string)
      email  = optional(string)
      access = string
    })), {})
    environment = optional(map(string), {})
    sources = optional(map(object({
      stream                     = optional(string)
      table                      = optional(string)
      queue                      = optional(string)
      batch_size                 = optional(number)
      batching_window_seconds    = optional(number, 0)
      report_batch_item_failures = optional(bool, false)
      starting_position          = optional(string)

      starting_position_timestamp = optional(string)
      tumbling_window_seconds     = optional(number, 0)

      parallelization_factor     = optional(number)
      bisect_on_error            = optional(bool, false)
      maximum_retry_attempts     = optional(number)
      maximum_record_age_seconds = optional(number)
      dead_letter_after_seconds  = optional(number)
      maximum_concurrency        = optional(number)
      filter_criteria            = optional(list(object({ pattern = string })), [])

      on_failure = optional(object({
        queue    = optional(string)
        topic    = optional(string)
        bucket   = optional(string)
        function = optional(string)
        bus      = optional(string)
      }))
    })), {})
    asynchronous = optional(object({
      maximum_retry_attempts    = number
      maximum_event_age_seconds = number

      on_failure = object({
        queue    = optional(string)
        topic    = optional(string)
        bucket   = optional(string)
        function = optional(string)
        bus      = optional(string)
      })
      on_success = optional(object({
        queue    = optional(string)
        topic    = optional(string)
        bucket   = optional(string)
        function = optional(string)
        bus      = optional(string)
      }))
    }))
  }))
  description = "Lambda functions by name; the name is also that of the folder in functions/ and of the binary."
  default     = {}

  validation {
    condition     = alltrue([for name, function in var.functions : can(regex("^[a-z][a-z0-9-]{1,46}[a-z0-9]$", name)) && name != "held"])
    error_message = "A function's name has 3 to 48 lower-case letters, digits and hyphens, and begins with a letter; it is not \"held\", below which the bucket of the dead letters keeps events that do not expire."
  }

  validation {
    condition     = alltrue([for name, function in var.functions : function.memory_mb >= 128 && function.memory_mb <= 10240 && function.timeout_seconds >= 1 && function.timeout_seconds <= 900 && function.maximum_concurrency >= 1])
    error_message = "A function has 128 to 10240 memory_mb, 1 to 900 timeout_seconds and a maximum_concurrency of at least 1: ${join(", ", [for name, function in var.functions : name if !(function.memory_mb >= 128 && function.memory_mb <= 10240 && function.timeout_seconds >= 1 && function.timeout_seconds <= 900 && function.maximum_concurrency >= 1)])}."
  }

  validation {
    condition     = alltrue([for name, function in var.functions : function.command == null && function.directory == null])
    error_message = "A function with a command (or its directory) runs in the local engine alone; what is deployed is a binary, without a command: ${join(", ", [for name, function in var.functions : name if function.command != null || function.directory != null])}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for variable, use in function.uses : length([for kind in [use.table, use.queue, use.bucket, use.bus, use.stream, use.email] : kind if kind != null]) == 1]]))
    error_message = "A function uses exactly one of table, queue, bucket, bus, stream and email per variable: ${join(", ", flatten([for name, function in var.functions : [
      for variable, use in function.uses : "${name}.${variable}" if length([for kind in [use.table, use.queue, use.bucket, use.bus, use.stream, use.email] : kind if kind != null]) != 1
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for variable, use in function.uses : contains(use.table != null ? ["read", "append", "write", "read-write"] : use.bus != null || use.email != null ? ["write"] : ["read", "write", "read-write"], use.access)]]))
    error_message = "access is \"read\", \"write\" or \"read-write\"; for a table also \"append\" (read, and add items), for a bus and an e-mail address \"write\" alone: ${join(", ", flatten([for name, function in var.functions : [
      for variable, use in function.uses : "${name}.${variable}" if !contains(use.table != null ? ["read", "append", "write", "read-write"] : use.bus != null || use.email != null ? ["write"] : ["read", "write", "read-write"], use.access)
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for variable, use in function.uses :
      (use.table == null ? true : contains(keys(var.tables), use.table)) &&
      (use.queue == null ? true : contains(keys(var.queues), use.queue)) &&
      (use.bucket == null ? true : contains(keys(var.buckets), use.bucket)) &&
      (use.bus == null ? true : contains(keys(var.buses), use.bus)) &&
      (use.stream == null ? true : contains(keys(var.streams), use.stream))
    ]]))
    error_message = "A function uses something that is not declared: ${join(", ", flatten([for name, function in var.functions : [for variable, use in function.uses : concat(
      [for table in [use.table] : "${name}.${variable} the table ${table}" if table == null ? false : !contains(keys(var.tables), table)],
      [for queue in [use.queue] : "${name}.${variable} the queue ${queue}" if queue == null ? false : !contains(keys(var.queues), queue)],
      [for bucket in [use.bucket] : "${name}.${variable} the bucket ${bucket}" if bucket == null ? false : !contains(keys(var.buckets), bucket)],
      [for bus in [use.bus] : "${name}.${variable} the bus ${bus}" if bus == null ? false : !contains(keys(var.buses), bus)],
      [for stream in [use.stream] : "${name}.${variable} the stream ${stream}" if stream == null ? false : !contains(keys(var.streams), stream)],
    )]]))}."
  }

  validation {
    condition     = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : length([for kind in [mapping.stream, mapping.table, mapping.queue] : kind if kind != null]) == 1]]))
    error_message = "A source reads exactly one of stream, table and queue: ${join(", ", flatten([for name, function in var.functions : [for source, mapping in function.sources : "${name}.${source}" if length([for kind in [mapping.stream, mapping.table, mapping.queue] : kind if kind != null]) != 1]]))}."
  }

  validation {
    condition     = alltrue(flatten([for name, function in var.functions : [for use in function.uses : try(var.tables[use.table].cause_retention_days >= 29, true)] if anytrue([for mapping in function.sources : mapping.queue != null])]))
    error_message = "Snapshots of a function that reads a queue remember causes (cause_retention_days) for 29 days or more, since a message may have been moved back after 28: ${join(", ", [for name, function in var.functions : name if anytrue([for mapping in function.sources : mapping.queue != null]) && anytrue([for use in function.uses : try(var.tables[use.table].cause_retention_days < 29, false)])])}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources :
      (mapping.stream == null ? true : contains(keys(var.streams), mapping.stream)) &&
      (mapping.table == null ? true : try(var.tables[mapping.table].stream_view != null, false)) &&
      (mapping.queue == null ? true : contains(keys(var.queues), mapping.queue))
    ]]))
    error_message = "A source reads a declared stream, a declared table with a stream_view, or a declared queue: ${join(", ", flatten([for name, function in var.functions : [for source, mapping in function.sources : concat(
      [for stream in [mapping.stream] : "${name}.${source} the stream ${stream}" if stream == null ? false : !contains(keys(var.streams), stream)],
      [for table in [mapping.table] : "${name}.${source} the table ${table}" if table == null ? false : try(var.tables[table].stream_view == null, true)],
      [for queue in [mapping.queue] : "${name}.${source} the queue ${queue}" if queue == null ? false : !contains(keys(var.queues), queue)],
    )]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue != null ? true :
      mapping.starting_position == "AT_TIMESTAMP" ? mapping.stream != null && can(formatdate("YYYY", mapping.starting_position_timestamp)) : contains(["TRIM_HORIZON", "LATEST"], coalesce(mapping.starting_position, "-")) && mapping.starting_position_timestamp == null
    ]]))
    error_message = "A source that reads a stream or a table has a starting_position of TRIM_HORIZON or LATEST, or for a stream AT_TIMESTAMP with a starting_position_timestamp such as 2026-01-31T12:00:00Z, which the others do not have: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${name}.${source}" if mapping.queue == null && !(mapping.starting_position == "AT_TIMESTAMP" ? mapping.stream != null && can(formatdate("YYYY", mapping.starting_position_timestamp)) : contains(["TRIM_HORIZON", "LATEST"], coalesce(mapping.starting_position, "-")) && mapping.starting_position_timestamp == null)
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources :
      mapping.tumbling_window_seconds >= 0 && mapping.tumbling_window_seconds <= 900 && (mapping.tumbling_window_seconds == 0 || coalesce(mapping.parallelization_factor, 1) == 1)
    ]]))
    error_message = "A source's tumbling_window_seconds are 0 (none) to 900, and with a window its parallelization_factor is 1, since a shard has one state: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${name}.${source}" if !(mapping.tumbling_window_seconds >= 0 && mapping.tumbling_window_seconds <= 900 && (mapping.tumbling_window_seconds == 0 || coalesce(mapping.parallelization_factor, 1) == 1))
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue != null ? true :
      coalesce(mapping.maximum_retry_attempts, -1) >= 0 && mapping.on_failure != null && coalesce(mapping.dead_letter_after_seconds, 604801) < coalesce(mapping.maximum_record_age_seconds, -1)
    ]]))
    error_message = "A source that reads a stream or a table has maximum_retry_attempts of 0 or more, on_failure, and a dead_letter_after_seconds below its maximum_record_age_seconds; otherwise one bad record holds up its shard, and is lost: ${join(", ", flatten([for name, function in var.functions : [for source, mapping in function.sources : [
      for field, kept in zipmap(
        ["maximum_retry_attempts", "on_failure", "dead_letter_after_seconds"],
        [coalesce(mapping.maximum_retry_attempts, -1) >= 0, mapping.on_failure != null, coalesce(mapping.dead_letter_after_seconds, 604801) < coalesce(mapping.maximum_record_age_seconds, -1)],
      ) : "${field} of ${name}.${source}" if !kept
    ] if mapping.queue == null]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue != null ? true :
      coalesce(mapping.maximum_record_age_seconds, -1) >= 60 && coalesce(mapping.maximum_record_age_seconds, -1) < try(var.streams[mapping.stream].retention_hours * 3600, local.table_stream_retention_seconds)
    ]]))
    error_message = "A source that reads a stream or a table has maximum_record_age_seconds of 60 or more, and below what the stream keeps (a table's ${local.table_stream_retention_seconds} seconds), or the records are gone first: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${name}.${source}" if mapping.queue == null && !(coalesce(mapping.maximum_record_age_seconds, -1) >= 60 && coalesce(mapping.maximum_record_age_seconds, -1) < try(var.streams[mapping.stream].retention_hours * 3600, local.table_stream_retention_seconds))
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : length(mapping.filter_criteria) <= 5 && alltrue([for filter in mapping.filter_criteria : length(filter.pattern) <= 4096 && can(keys(jsondecode(filter.pattern)))])]]))
    error_message = "A source has at most 5 filter_criteria, each with a pattern that is the text of a JSON object of at most 4096 characters: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${name}.${source}" if length(mapping.filter_criteria) > 5 || anytrue([for filter in mapping.filter_criteria : length(filter.pattern) > 4096 || !can(keys(jsondecode(filter.pattern)))])
    ]]))}."
  }

  validation {
    condition     = !anytrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue == null && mapping.maximum_concurrency != null]]))
    error_message = "A source's maximum_concurrency is for queues; a stream has shards and parallelization_factor: ${join(", ", flatten([for name, function in var.functions : [for source, mapping in function.sources : "${name}.${source}" if mapping.queue == null && mapping.maximum_concurrency != null]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue == null ? true :
      try(var.queues[mapping.queue].redrive != null && var.queues[mapping.queue].visibility_timeout_seconds >= 6 * function.timeout_seconds + mapping.batching_window_seconds, true)
    ]]))
    error_message = "A queue that a function reads has a redrive, and a visibility_timeout_seconds of at least six times the function's timeout plus its batching window: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${mapping.queue} for ${name}" if mapping.queue != null && try(var.queues[mapping.queue].redrive == null || var.queues[mapping.queue].visibility_timeout_seconds < 6 * function.timeout_seconds + mapping.batching_window_seconds, false)
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue == null ? true :
      coalesce(mapping.maximum_concurrency, 0) >= 2 && (coalesce(mapping.batch_size, 10) <= 10 || mapping.batching_window_seconds >= 1)
    ]]))
    error_message = "A source that reads a queue has a maximum_concurrency of 2 or more, and with a batch_size above 10 a batching_window_seconds of 1 or more: ${join(", ", flatten([for name, function in var.functions : [
      for source, mapping in function.sources : "${name}.${source}" if mapping.queue != null && !(coalesce(mapping.maximum_concurrency, 0) >= 2 && (coalesce(mapping.batch_size, 10) <= 10 || mapping.batching_window_seconds >= 1))
    ]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source, mapping in function.sources : mapping.queue == null ? true :
      mapping.starting_position == null && mapping.starting_position_timestamp == null && mapping.tumbling_window_seconds == 0 && mapping.parallelization_factor == null && !mapping.bisect_on_error && mapping.maximum_retry_attempts == null && mapping.maximum_record_age_seconds == null && mapping.on_failure == null
    ]]))
    error_message = "A source that reads a queue has none of what is for streams, since the queue has its redrive: ${join(", ", flatten([for name, function in var.functions : [for source, mapping in function.sources : [
      for field, set in zipmap(
        ["starting_position", "starting_position_timestamp", "tumbling_window_seconds", "parallelization_factor", "bisect_on_error", "maximum_retry_attempts", "maximum_record_age_seconds", "on_failure"],
        [mapping.starting_position != null, mapping.starting_position_timestamp != null, mapping.tumbling_window_seconds != 0, mapping.parallelization_factor != null, mapping.bisect_on_error, mapping.maximum_retry_attempts != null, mapping.maximum_record_age_seconds != null, mapping.on_failure != null],
      ) : "${field} of ${name}.${source}" if set
    ] if mapping.queue != null]]))}."
  }

  validation {
    condition = alltrue(flatten([for name, function in var.functions : [for source in function.sources : source.on_failure == null ? true :
      length([for kind in [source.on_failure.queue, source.on_failure.topic, source.on_failure.bucket, source.on_failure.function, source.on_failure.bus] : kind if kind != null]) == 1 &&
      (source.on_failure.queue == null ? true : try(!var.queues[source.on_failure.queue].fifo, false)) &&
      (source.on_failure.topic == null ? true : contains(keys(var.topics), source.on_failure.topic)) &&
      (source.on_failure.bucket == null ? true : contains(keys(var.buckets), source.on_failure.bucket)) &&
      source.on_failure.function == null && source.on_failure.bus == null
    ]]))
    error_message = "on_failure of a source names exactly one of a declared standard queue, a declared topic and a declared bucket: ${join(", ", flatten([for name, function in var.functions : [
      for label, source in function.sources : "${name}.${label}" if source.on_failure == null ? false : !(length([for kind in [source.on_failure.queue, source.on_failure.topic, source.on_failure.bucket, source.on_failure.function, source.on_failure.bus] : kind if kind != null]) == 1 && (source.on_failure.queue == null ? true : try(!var.queues[source.on_failure.queue].fifo, false)) && (source.on_failure.topic == null ? true : contains(keys(var.topics), source.on_failure.topic)) && (source.on_failure.bucket == null ? true : contains(keys(var.buckets), source.on_failure.bucket)) && source.on_failure.function == null && source.on_failure.bus == null)
    ]]))}."
  }

  validation {
    condition = alltrue([for name, function in var.functions : function.asynchronous == null ? true :
      length([for kind in [function.asynchronous.on_failure.queue, function.asynchronous.on_failure.topic, function.asynchronous.on_failure.bucket, function.asynchronous.on_failure.function, function.asynchronous.on_failure.bus] : kind if kind != null]) == 1 &&
      (function.asynchronous.on_failure.queue == null ? true : try(!var.queues[function.asynchronous.on_failure.queue].fifo, false)) &&
      (function.asynchronous.on_failure.topic == null ? true : contains(keys(var.topics), function.asynchronous.on_failure.topic)) &&
      (function.asynchronous.on_failure.bucket == null ? true : contains(keys(var.buckets), function.asynchronous.on_failure.bucket)) &&
      (function.asynchronous.on_failure.function == null ? true : function.asynchronous.on_failure.function != name && contains(keys(var.functions), function.asynchronous.on_failure.function)) &&
      (function.asynchronous.on_failure.bus == null ? true : contains(keys(var.buses), function.asynchronous.on_failure.bus))
    ])
    error_message = "on_failure of asynchronous names exactly one of a declared standard queue, topic, bucket, bus, and function other than the function itself: ${join(", ", [
      for name, function in var.functions : name if function.asynchronous == null ? false : !(length([for kind in [function.asynchronous.on_failure.queue, function.asynchronous.on_failure.topic, function.asynchronous.on_failure.bucket, function.asynchronous.on_failure.function, function.asynchronous.on_failure.bus] : kind if kind != null]) == 1 && (function.asynchronous.on_failure.queue == null ? true : try(!var.queues[function.asynchronous.on_failure.queue].fifo, false)) && (function.asynchronous.on_failure.topic == null ? true : contains(keys(var.topics), function.asynchronous.on_failure.topic)) && (function.asynchronous.on_failure.bucket == null ? true : contains(keys(var.buckets), function.asynchronous.on_failure.bucket)) && (function.asynchronous.on_failure.function == null ? true : function.asynchronous.on_failure.function != name && contains(keys(var.functions), function.asynchronous.on_failure.function)) && (function.asynchronous.on_failure.bus == null ? true : contains(keys(var.buses), function.asynchronous.on_failure.bus)))
    ])}."
  }

  validation {
    condition = alltrue([for name, function in var.functions : [for to in [try(function.asynchronous.on_success, null)] : to == null ? true :
      length([for kind in [to.queue, to.topic, to.bucket, to.function, to.bus] : kind if kind != null]) == 1 && to.bucket == null &&
      (to.queue == null ? true : try(!var.queues[to.queue].fifo, false)) &&
      (to.topic == null ? true : contains(keys(var.topics), to.topic)) &&
      (to.function == null ? true : to.function != name && contains(keys(var.functions), to.function)) &&
      (to.bus == null ? true : contains(keys(var.buses), to.bus))
    ][0]])
    error_message = "on_success of asynchronous names exactly one of a declared standard queue, topic, bus, and function other than the function itself; a bucket is for failures: ${join(", ", [for name, function in var.functions : name if try(function.asynchronous.on_success, null) != null])}."
  }

  validation {
    condition     = alltrue([for name, function in var.functions : function.asynchronous == null ? true : function.asynchronous.maximum_retry_attempts >= 0 && function.asynchronous.maximum_retry_attempts <= 2 && function.asynchronous.maximum_event_age_seconds >= 60 && function.asynchronous.maximum_event_age_seconds <= 21600])
    error_message = "An asynchronous invocation is retried 0 to 2 times, for 60 to 21600 seconds: ${join(", ", [for name, function in var.functions : name if function.asynchronous == null ? false : !(function.asynchronous.maximum_retry_attempts >= 0 && function.asynchronous.maximum_retry_attempts <= 2 && function.asynchronous.maximum_event_age_seconds >= 60 && function.asynchronous.maximum_event_age_seconds <= 21600)])}."
  }

  validation {
    condition = alltrue([for name, function in var.functions : function.maximum_concurrency >= sum(concat([0], [
      for source in function.sources :
      source.queue != null ? coalesce(source.maximum_concurrency, 0) : source.table != null ? local.table_partitions : try(var.streams[source.stream].shards, 1) * coalesce(source.parallelization_factor, 1)
    ]))])
    error_message = "A function's maximum_concurrency is at least what its sources together run at a time (a queue's maximum_concurrency, a stream's shards by parallelization_factor, ${local.table_partitions} for a table), or Lambda throttles them, which uses up receives and age: ${join(", ", [for name, function in var.functions : name if function.maximum_concurrency < sum(concat([0], [
      for source in function.sources :
      source.queue != null ? coalesce(source.maximum_concurrency, 0) : source.table != null ? local.table_partitions : try(var.streams[source.stream].shards, 1) * coalesce(source.parallelization_factor, 1)
    ]))])}."
  }

  validation {
    condition = alltrue([for name, function in var.functions : function.reserved_concurrency == null ? true : function.reserved_concurrency == 0 || function.reserved_concurrency <= function.maximum_concurrency && function.reserved_concurrency >= sum(concat([0], [
      for source in function.sources :
      source.queue != null ? coalesce(source.maximum_concurrency, 0) : source.table != null ? local.table_partitions : try(var.streams[source.stream].shards, 1) * coalesce(source.parallelization_factor, 1)
    ]))])
    error_message = "A function's reserved_concurrency is 0, which switches it off, or what its sources together run at a time up to its maximum_concurrency: ${join(", ", [for name, function in var.functions : "${function.reserved_concurrency} of ${name}" if function.reserved_concurrency != null])}."
  }
}
