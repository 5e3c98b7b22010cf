# Alarms of what functions depend on: rules, tables, streams, and the account's mail.

locals {
  rule_dimensions = {
    for name, physical in local.names.rules :
    name => { EventBusName = local.names.buses[var.rules[name].bus], RuleName = physical }
  }

  rule_letters_listed = {
    for name, queues in local.rule_dead_letters :
    name => join(" or ", [for queue in queues : "scripts/replay-dlq --queue ${queue}"])
  }

  rule_alarms = merge([for name, rule in var.rules : {
    "rule-${name}-failed" = merge(local.at_once, {
      namespace  = "AWS/Events", metric = "FailedInvocations"
      dimensions = local.rule_dimensions[name]
      description = join(" ", [
        "EventBridge finally failed to hand events of the rule ${name} to its target, usually because a permission or the",
        "target is missing. They are in ${join(", ", local.rule_dead_letters[name])}:",
        "${local.rule_letters_listed[name]} lists them, ERROR_CODE says why.",
      ])
    })
    "rule-${name}-dead-lettered" = merge(local.at_once, {
      namespace  = "AWS/Events", metric = "InvocationsSentToDlq"
      dimensions = local.rule_dimensions[name]
      description = join(" ", [
        "Events of the rule ${name} went to ${join(", ", local.rule_dead_letters[name])}.",
        "${local.rule_letters_listed[name]} lists them; repair the cause, then replay with --yes.",
      ])
    })
    "rule-${name}-lost" = merge(local.at_once, {
      tells      = "page"
      namespace  = "AWS/Events", metric = "InvocationsFailedToBeSentToDlq"
      dimensions = local.rule_dimensions[name]
      description = join(" ", [
        "LOSS: EventBridge could write events of the rule ${name}",
        "neither to their target nor to ${join(", ", local.rule_dead_letters[name])}.",
        "Check what the policies of the queue and of the key allow events.amazonaws.com.",
        "Then replay the archive of the bus from the time at which this began.",
      ])
    })
  }]...)

  # SystemErrors and ThrottledRequests are counted for each operation, so an alarm would need an
  # expression over all operations. Both end as Failed of a function.
  table_alarms = merge([for name, table in local.tables : {
    for way in ["Read", "Write"] : "table-${name}-${lower(way)}s-throttled" => merge(local.sustained, {
      namespace  = "AWS/DynamoDB", metric = "${way}ThrottleEvents"
      dimensions = { TableName = local.names.tables[name] }
      description = join(" ", [
        "DynamoDB throttles ${lower(way)}s of ${name}. A table on demand takes twice its former peak at once,",
        "and one key takes 1000 writes and 3000 reads per second: look for a hot key, or for a load that grew in steps.",
      ])
    })
  }]...)

  stream_alarms = merge([for name, stream in var.streams : {
    "stream-${name}-writes-throttled" = merge(local.sustained, {
      namespace  = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded"
      dimensions = { StreamName = local.names.streams[name] }
      description = join(" ", [
        "Producers write more to ${name} than its shards take (1 MB and 1000 records per second each), and must retry.",
        "Raise stream_shards for ${name}; that does not help if one partition key is the cause.",
      ])
    })
    "stream-${name}-reads-throttled" = merge(local.sustained, {
      namespace  = "AWS/Kinesis", metric = "ReadProvisionedThroughputExceeded"
      dimensions = { StreamName = local.names.streams[name] }
      description = join(" ", [
        "Readers of ${name} ask for more than its shards give (2 MB and 5 calls per second each, shared by all readers and a",
        "running replay). Wait for the replay, or raise stream_shards for ${name}.",
      ])
    })
  }]...)

  # SES reviews an account above these shares, and may stop its mail. They count for the account,
  # whichever environment sends.
  sender_alarms = { for name, alarm in {
    bounces = merge(local.maximum, {
      namespace  = "AWS/SES", metric = "Reputation.BounceRate"
      dimensions = null, period = 3600, threshold = 0.05
      description = join(" ", [
        "More than 5 % of this account's mail bounces; SES stops an account whose mail bounces for long.",
        "Find the addresses that do not exist in the account dashboard of SES and in the logs of the functions that send,",
        "and stop sending to them.",
      ])
    })
    complaints = merge(local.maximum, {
      namespace  = "AWS/SES", metric = "Reputation.ComplaintRate"
      dimensions = null, period = 3600, threshold = 0.001
      description = join(" ", [
        "More than 0.1 % of this account's mail is marked as spam; SES stops an account about which people complain for long.",
        "Find out in the account dashboard of SES which mail it is, and send it only to those who expect it.",
      ])
    })
  } : "sender-${name}" => alarm if length(local.email_addresses) > 0 }
}
