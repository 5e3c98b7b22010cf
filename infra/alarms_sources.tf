# Alarms of sources: event source mappings that read streams of Kinesis and DynamoDB.

locals {
  # Metrics that count the writes to a stream, and to a table with a stream.
  written = merge(
    {
      for name, physical in local.names.streams : "stream ${name}" => {
        namespace = "AWS/Kinesis", metric = "IncomingRecords", dimensions = { StreamName = physical }
      }
    },
    {
      for name, physical in local.names.tables : "table ${name}" => {
        namespace = "AWS/DynamoDB", metric = "ConsumedWriteCapacityUnits", dimensions = { TableName = physical }
      }
    },
  )

  # Functions that read streams: what each reads, and the smallest age at which the function or its
  # mapping gives up a record.
  stream_readers = {
    for name, function in var.functions : name => {
      sources = distinct([for source in function.sources : source.stream != null ? source.stream : source.table if source.queue == null])
      bound_seconds = min([
        for source in function.sources : min(
          source.maximum_record_age_seconds, coalesce(source.dead_letter_after_seconds, source.maximum_record_age_seconds)
        ) if source.queue == null
      ]...)
    } if anytrue([for source in function.sources : source.queue == null])
  }

  stream_reader_alarms = {
    for name, reader in local.stream_readers : "function-${name}-iterator-age" => merge(local.maximum, {
      tells      = "function", of = name
      namespace  = "AWS/Lambda", metric = "IteratorAge"
      dimensions = local.function_dimensions[name]
      threshold  = floor(local.alarm_share_of_bound * reader.bound_seconds * 1000)
      description = join(" ", [
        "${name} is more than ${floor(local.alarm_share_of_bound * reader.bound_seconds / 60)} minutes behind",
        "${length(reader.sources) > 3 ? "one of its ${length(reader.sources)} streams and tables" : join(" and ", reader.sources)};",
        "records are given up after ${floor(reader.bound_seconds / 60)} minutes.",
        "On the dashboard, Failed and Errors show whether a record holds it up, Throttles and Duration whether it is too slow.",
      ])
    })
  }

  # A mapping that is disabled or has lost a permission invokes nothing, so neither errors nor age
  # are counted. One quarter of an hour with writes and without an invocation is not a sign: a
  # record written in its last second is delivered in the next quarter. Two such quarters are, if
  # both are within the time after which the first record is given up; between them nothing need be
  # written. CloudWatch looks at one day at most.
  stalled_alarms = merge([for name, function in var.functions : {
    for source, mapping in function.sources : "function-${name}-stalled-${source}" => merge(local.expression, {
      # A source that somebody has paused wakes nobody.
      of         = name
      tells      = contains(keys(local.paused), "${name}.${source}") ? "ticket" : "function"
      expression = "IF(FILL(written, 0) > 0 AND FILL(invoked, 0) == 0, 1, 0)", threshold = 0
      periods    = max(2, min(96, floor(mapping.maximum_record_age_seconds / 900))), of_periods = 2
      queries = {
        written = merge(
          local.written[mapping.stream != null ? "stream ${mapping.stream}" : "table ${mapping.table}"], { stat = "Sum", period = 900 }
        )
        invoked = {
          namespace = "AWS/Lambda", metric = "Invocations", dimensions = local.function_dimensions[name], stat = "Sum", period = 900
        }
      }
      description = join(" ", compact([
        try("PAUSED (${local.paused["${name}.${source}"]}): `make resume` ends it.", ""),
        "${mapping.stream != null ? mapping.stream : mapping.table} was written to in two quarters of an hour, and ${name} was not",
        "invoked. Records that wait for ${floor(mapping.maximum_record_age_seconds / 60)} minutes are given up.",
        "The mapping is disabled, has lost a permission, or is throttled:",
        "`aws lambda list-event-source-mappings --function-name ${local.function_dimensions[name].Resource}` shows State and",
        "LastProcessingResult.",
        mapping.table == null ? "" : "Writes whose condition failed count too; if there were no others, nothing is wrong.",
        length(mapping.filter_criteria) == 0 ? "" :
        "Records that its filter_criteria do not match count too; if there were no others, nothing is wrong.",
      ]))
    }) if mapping.queue == null
  }]...)

  # It counts events, where the on-failure queue has one pointer for a batch. It pages, because a
  # pointer expires with its records, which may be within hours.
  given_up_alarms = merge([for name, function in var.functions : {
    for source, mapping in function.sources : "function-${name}-given-up-${source}" => merge(local.at_once, {
      tells      = "page"
      namespace  = "AWS/Lambda", metric = "DroppedEventCount"
      dimensions = { EventSourceMappingUUID = module.function[name].mappings[source] }
      description = join(" ", [
        "The mapping of ${name} gave up events of ${source}: they were too old or tried too often, so the function never",
        "handled them. Pointers to them are in its on-failure destination. Replay them before the records expire:",
        "scripts/replay-dlq lists them with the time that is left.",
      ])
    }) if mapping.queue == null && var.detailed_metrics
  }]...)
}
