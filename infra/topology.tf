# Types of what topology.auto.tfvars declares. The rules beyond types are in validations/, one file
# for each variable: a template that lists every breach, with its place and what is allowed.
#
# Why templates: Terraform lets a validation refer to no local that depends on its own variable, so
# a list of offenders would have to be computed twice, for the condition and for the message. The
# replacements in a message join the lines of a breach, and strip the template's indentation.
#
# Each rule names its owner. `tidegate topology check` owns most of them: it knows more rules, and
# tells the line of each mistake. `make deploy` runs it first. Terraform repeats a rule of the
# command if a breach would lose events or fail halfway through an apply, because a plan without the
# command (`terraform apply`, a pipeline) must be refused too. Behind "Owner:" stands which file of
# the command's checks has the rule: change it there first, then here.

locals {
  # A new table on demand takes 4000 writes per second: four partitions of 1000. Each partition has
  # a shard in the table's stream.
  table_partitions = 4

  # How long DynamoDB keeps the records of a table's stream.
  table_stream_retention_seconds = 86400

  # A long weekend: nobody has to look at a queue of failures sooner.
  least_failure_retention_seconds = 345600
}

variable "event_bytes_limit" {
  type        = number
  description = "Largest message of a queue, in bytes. 4096 are for what AWS adds. A larger event travels as a reference to the store."
  default     = 262144

  validation {
    # Owner: topology check, resources.
    condition     = var.event_bytes_limit >= 8192 && var.event_bytes_limit <= 262144
    error_message = "event_bytes_limit is ${var.event_bytes_limit}; a queue takes 8192 to 262144 bytes, and a failed event goes to one."
  }
}

variable "metrics_namespace" {
  type        = string
  nullable    = false
  description = "CloudWatch namespace of the metrics that functions write and that alarms and the dashboard read."

  validation {
    # Owner: topology check, resources.
    condition = (
      can(regex("^[A-Za-z0-9 ._/#-][A-Za-z0-9 ._/#:-]{0,254}$", var.metrics_namespace)) &&
      trimspace(var.metrics_namespace) != "" && !startswith(var.metrics_namespace, "AWS/")
    )
    error_message = <<-EOT
      metrics_namespace is "${var.metrics_namespace}"; CloudWatch takes 1 to 255 letters, digits,
      spaces and .-_/#:, not beginning with AWS/ or a colon.
    EOT
  }
}

variable "statements" {
  type        = string
  description = "How functions send conditional writes to DynamoDB: several in one request (batched), or each alone (single)."
  default     = "batched"
  nullable    = false

  validation {
    # Owner: topology check, types.
    condition     = contains(["batched", "single"], var.statements)
    error_message = "statements is \"${var.statements}\"; allowed are \"batched\" and \"single\"."
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
    condition = trimspace(templatefile(
      "${path.module}/validations/streams.tftpl", { streams = var.streams }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/streams.tftpl", { streams = var.streams }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
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
    commit_format         = optional(number)
    indexes = optional(map(object({
      partition_key = object({ name = string, type = string })
      sort_key      = optional(object({ name = string, type = string }))
      projection    = optional(string, "ALL")
      attributes    = optional(list(string), [])
    })), {})
  }))
  description = "DynamoDB tables by name, all on demand."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/tables.tftpl", { tables = var.tables }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/tables.tftpl", { tables = var.tables }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "queues" {
  type = map(object({
    retention_seconds          = optional(number, 345600)
    fifo                       = optional(bool, false)
    visibility_timeout_seconds = optional(number, 30)
    redrive                    = optional(object({ queue = string, maximum_receives = number }))
    operators_send             = optional(bool, false)
  }))
  description = "SQS queues by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/queues.tftpl", merge(local.queues_context, { queues = var.queues })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/queues.tftpl", merge(local.queues_context, { queues = var.queues })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "topics" {
  type = map(object({
    fifo                        = optional(bool, false)
    content_based_deduplication = optional(bool, false)
  }))
  description = "SNS topics by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/topics.tftpl", { topics = var.topics }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/topics.tftpl", { topics = var.topics }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# Each filter policy has a shape of its own, and a map of objects needs one shape for all.
# tflint-ignore: terraform_typed_variables
variable "subscriptions" {
  type        = any
  description = "Subscriptions of topics by name, each of one queue or one function."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/subscriptions.tftpl", merge(local.subscriptions_context, { subscriptions = var.subscriptions })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/subscriptions.tftpl", merge(local.subscriptions_context, { subscriptions = var.subscriptions })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "buckets" {
  type        = map(object({ expiration_days = number }))
  description = "S3 buckets by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/buckets.tftpl", { buckets = var.buckets }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/buckets.tftpl", { buckets = var.buckets }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "buses" {
  type        = map(object({ archive_days = optional(number, 0) }))
  description = "EventBridge buses by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/buses.tftpl", { buses = var.buses }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/buses.tftpl", { buses = var.buses }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# Each pattern has a shape of its own, and a map of objects needs one shape for all.
# tflint-ignore: terraform_typed_variables
variable "rules" {
  type        = any
  description = "EventBridge rules by name, each with its targets."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/rules.tftpl", merge(local.rules_context, { rules = var.rules })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/rules.tftpl", merge(local.rules_context, { rules = var.rules })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "apis" {
  type = map(object({
    authorizers = optional(map(object({ issuer = string, audience = list(string) })), {})
    throttling  = object({ rate = number, burst = number })
    routes = map(object({
      function      = string
      authorizer    = optional(string)
      authorization = optional(string)
      scopes        = optional(list(string), [])
    }))
  }))
  description = "HTTP APIs by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/apis.tftpl", { apis = var.apis, functions = var.functions }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/apis.tftpl", { apis = var.apis, functions = var.functions }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# Each input has a shape of its own, and a map of objects needs one shape for all.
# tflint-ignore: terraform_typed_variables
variable "schedules" {
  type        = any
  description = "Schedules of EventBridge Scheduler by name, each with one target."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/schedules.tftpl", merge(local.schedules_context, { schedules = var.schedules })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/schedules.tftpl", merge(local.schedules_context, { schedules = var.schedules })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "schedule_groups" {
  type = map(object({
    targets = map(object({
      function = optional(string)
      queue    = optional(string)
      bus      = optional(string)
      stream   = optional(string)
      topic    = optional(string)
    }))
    dead_letter_queue = string
  }))
  description = "Groups of the schedules that functions create, by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/schedule_groups.tftpl", merge(local.schedule_groups_context, { schedule_groups = var.schedule_groups })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/schedule_groups.tftpl", merge(local.schedule_groups_context, { schedule_groups = var.schedule_groups })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "processes" {
  type = map(object({
    function  = string
    queue     = string
    view      = string
    store     = string
    deadlines = optional(bool, true)
    sweep     = optional(string)
  }))
  description = "Process managers by the kind of their streams."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/processes.tftpl", merge(local.processes_context, { processes = var.processes })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/processes.tftpl", merge(local.processes_context, { processes = var.processes })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

variable "projections" {
  type = map(object({
    function    = string
    store       = string
    rows        = string
    counters    = optional(string)
    entries     = optional(string)
    pointers    = string
    generations = optional(list(number), [1])
  }))
  description = "Projections with generations, by name."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/projections.tftpl", merge(local.projections_context, { projections = var.projections })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/projections.tftpl", merge(local.projections_context, { projections = var.projections })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
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
      topic  = optional(string)
      email  = optional(string)
      access = string

      schedule_group = optional(string)
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
    url = optional(object({ authorization = string }))
  }))
  description = "Lambda functions by name, which is also the name of the folder in functions/ and of the binary."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/functions.tftpl", merge(local.functions_context, { functions = var.functions })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/functions.tftpl", merge(local.functions_context, { functions = var.functions })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# What the rules of a variable refer to beside the variable itself.
locals {
  queues_context = { least_failure_retention_seconds = local.least_failure_retention_seconds }

  # Tables that a function uses, and tables behind a queue: those that its readers use.
  tables_of_function = {
    for name, function in var.functions : name => distinct([for use in function.uses : use.table if use.table != null])
  }
  tables_behind_queue = {
    for queue in keys(var.queues) : queue => distinct(flatten([
      for name, function in var.functions : local.tables_of_function[name]
      if contains(compact([for mapping in function.sources : mapping.queue]), queue)
    ]))
  }
  rules_context = {
    buses               = var.buses
    functions           = var.functions
    queues              = var.queues
    streams             = var.streams
    topics              = var.topics
    tables              = var.tables
    tables_of_function  = local.tables_of_function
    tables_behind_queue = local.tables_behind_queue
  }

  # Without functions, which may use a group: validations/functions.tftpl checks those of a group.
  schedule_groups_context = {
    queues = var.queues
    targets = {
      queue = keys(var.queues), bus = keys(var.buses), stream = keys(var.streams), topic = keys(var.topics)
    }
  }
  schedules_context = {
    functions = var.functions
    queues    = var.queues
    targets   = merge(local.schedule_groups_context.targets, { function = keys(var.functions) })
  }
  processes_context     = { functions = var.functions, queues = var.queues, tables = var.tables }
  projections_context   = { functions = var.functions, tables = var.tables }
  subscriptions_context = { functions = var.functions, queues = var.queues, topics = var.topics }

  # Destinations as "kind name". AWS writes failures without a message group, which a FIFO queue
  # needs. Asynchronous invocations can have another function as destination too.
  destination_names = {
    queue  = [for name, queue in var.queues : "queue ${name}" if !queue.fifo]
    topic  = [for name, topic in var.topics : "topic ${name}" if !topic.fifo]
    bucket = [for name in keys(var.buckets) : "bucket ${name}"]
    bus    = [for name in keys(var.buses) : "bus ${name}"]
  }
  functions_context = {
    queues  = var.queues
    streams = var.streams
    tables  = var.tables

    schedule_groups = var.schedule_groups

    table_partitions               = local.table_partitions
    table_stream_retention_seconds = local.table_stream_retention_seconds

    # By kind: what a function can use, how, and what it can read.
    declared = {
      table  = keys(var.tables), queue = keys(var.queues), bucket = keys(var.buckets), bus = keys(var.buses)
      stream = keys(var.streams), topic = keys(var.topics), schedule_group = keys(var.schedule_groups)
    }
    access = { for kind, actions in local.actions : kind => keys(actions) }
    readable = {
      stream = keys(var.streams), queue = keys(var.queues)
      table  = [for name, table in var.tables : name if table.stream_view != null]
    }

    mapping_destinations = concat(local.destination_names.queue, local.destination_names.topic, local.destination_names.bucket)
    failure_destinations = flatten(values(local.destination_names))
    success_destinations = concat(local.destination_names.queue, local.destination_names.topic, local.destination_names.bus)

    # What a mapping of a stream has and that of a queue has not, with the value that means unset.
    stream_settings = {
      starting_position           = null
      starting_position_timestamp = null
      tumbling_window_seconds     = 0
      parallelization_factor      = null
      bisect_on_error             = false
      maximum_retry_attempts      = null
      maximum_record_age_seconds  = null
      on_failure                  = null
    }
  }
}
