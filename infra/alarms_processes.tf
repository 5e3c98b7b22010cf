# Alarms of process managers: instances that wait for an operator, and deadlines whose schedule was
# lost.

locals {
  process_alarms = {
    for name, process in var.processes : "process-${name}-stuck" => merge(local.at_once, {
      namespace  = var.metrics_namespace, metric = "ProcessStuck"
      dimensions = { process = name, function = local.names.functions[process.function] }
      description = join(" ", [
        "Instances of ${name} wait for an operator: a rule declared them stuck, or their inputs fail.",
        "`tidegate process ls ${name} --stuck` lists them with the reason; repair the cause, then run `tidegate process resume`,",
        "or `skip` the input, or `force` a state.",
      ])
    })
  }

  sweep_alarms = {
    for name, process in var.processes : "process-${name}-swept" => merge(local.sustained, {
      namespace  = var.metrics_namespace, metric = "DeadlinesSwept"
      dimensions = { process = name, function = local.names.functions[process.sweep] }
      description = join(" ", [
        "Deadlines of ${name} came only because ${process.sweep} found them overdue, for a quarter of an hour.",
        "Their schedules were not set, were lost, or are refused: look at the alarms of the schedule group, at the lag",
        "of the function that publishes the event store, and at the dead-letter queue of the group.",
      ])
    }) if process.sweep != null
  }
}
