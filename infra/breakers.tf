# Circuit breakers: what a function may do with their rows, and the variables that declare them.

variable "breakers" {
  type = map(object({
    table                  = string
    function               = string
    queue                  = string
    cool_down_seconds      = number
    longest_outage_seconds = number
    failures_in_a_row      = optional(number)
    failure_percent        = optional(number)
    minimum_calls          = optional(number)
    window_seconds         = optional(number, 60)
    freshness_seconds      = optional(number, 5)
    events                 = optional(string)
  }))
  description = "Circuit breakers by name: provider calls of a function, behind a queue that outlasts an outage."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/breakers.tftpl", merge(local.breakers_context, { breakers = var.breakers })
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/breakers.tftpl", merge(local.breakers_context, { breakers = var.breakers })
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

locals {
  breakers_context = { functions = var.functions, queues = var.queues, tables = var.tables }

  # By function. The toolkit reads a declaration from a variable, as the local engine writes it.
  breaker_variables = {
    for function in keys(var.functions) : function => {
      for name, breaker in var.breakers : "TIDEGATE_BREAKER_${upper(replace(name, "-", "_"))}" => jsonencode({
        for key, value in {
          table             = local.names.tables[breaker.table]
          events_table      = breaker.events == null ? null : local.names.tables[breaker.events]
          cool_down_seconds = breaker.cool_down_seconds
          failures_in_a_row = breaker.failures_in_a_row != null || breaker.failure_percent != null ? breaker.failures_in_a_row : 5
          failure_percent   = breaker.failure_percent
          minimum_calls     = breaker.failure_percent == null ? null : coalesce(breaker.minimum_calls, 20)
          window_seconds    = breaker.window_seconds
          freshness_seconds = breaker.freshness_seconds
        } : key => value if value != null
      }) if breaker.function == function
    }
  }

  # A function reads and changes the rows of its own breakers, and adds the events about them.
  breaker_statements = {
    for function in keys(var.functions) : function => concat(
      [for name, breaker in var.breakers : {
        Sid       = "Breaker${local.sid_names[name]}"
        Effect    = "Allow"
        Action    = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource  = local.arns.tables[breaker.table]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [name] } }
      } if breaker.function == function],
      [for name, breaker in var.breakers : {
        Sid       = "Breaker${local.sid_names[name]}Events"
        Effect    = "Allow"
        Action    = ["dynamodb:PutItem"]
        Resource  = local.arns.tables[breaker.events]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["breaker#${name}"] } }
      } if breaker.function == function && breaker.events != null],
    )
  }
}
