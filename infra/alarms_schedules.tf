# Alarms of schedules, by group: Scheduler has no metrics of a single schedule.

locals {
  schedule_alarms = merge([for group, physical in local.schedule_group_names : {
    "schedules-${group}-failing" = merge(local.sustained, {
      namespace  = "AWS/Scheduler", metric = "TargetErrorCount"
      dimensions = { ScheduleGroup = physical }
      description = join(" ", [
        "Targets of the schedules of ${group} have refused them for a quarter of an hour. Scheduler tries again; look at the",
        "target, and at what the role ${local.scheduler_roles[group]} allows.",
      ])
    })
    "schedules-${group}-dropped" = merge(local.at_once, {
      namespace  = "AWS/Scheduler", metric = "InvocationDroppedCount"
      dimensions = { ScheduleGroup = physical }
      description = join(" ", [
        "Scheduler gave up events of the schedules of ${group}. They are in ${join(", ", local.declared_groups[group].letters)}:",
        "ERROR_CODE says why; repair the cause, then replay with scripts/replay-dlq.",
      ])
    })
    "schedules-${group}-lost" = merge(local.at_once, {
      tells      = "page"
      namespace  = "AWS/Scheduler", metric = "InvocationsFailedToBeSentToDeadLetterCount"
      dimensions = { ScheduleGroup = physical }
      description = join(" ", [
        "LOSS: Scheduler could write events of the schedules of ${group} neither to their target nor to their dead-letter queue.",
        "Check what the role ${local.scheduler_roles[group]} and the key allow.",
      ])
    })
  }]...)
}
