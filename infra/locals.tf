locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = var.region

  # Mappings and rules invoke functions by this alias. A deployment moves it to the new version.
  function_alias = "live"

  # Names at AWS, by declared name.
  names = {
    functions = { for name, function in var.functions : name => "${var.name_prefix}${name}" }
    streams   = { for name, stream in var.streams : name => "${var.name_prefix}${name}" }
    tables    = { for name, table in local.tables : name => "${var.name_prefix}${name}" }
    queues    = { for name, queue in var.queues : name => "${var.name_prefix}${name}${queue.fifo ? ".fifo" : ""}" }
    topics    = { for name, topic in var.topics : name => "${var.name_prefix}${name}${topic.fifo ? ".fifo" : ""}" }
    # Names of buckets must be unique among all accounts.
    buckets = { for name, bucket in var.buckets : name => "${var.name_prefix}${name}-${local.account_id}" }
    buses   = { for name, bus in var.buses : name => "${var.name_prefix}${name}" }
    apis    = { for name, api in var.apis : name => "${var.name_prefix}${name}" }
    rules   = { for name, rule in var.rules : name => "${var.name_prefix}${name}" }
  }

  # ARNs, built from names so that policies are known before their resources exist.
  arn_prefix = {
    for service in ["cloudwatch", "dynamodb", "events", "kinesis", "lambda", "logs", "scheduler", "schemas", "ses", "sns", "sqs"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account_id}"
  }
  arns = {
    functions = { for name, physical in local.names.functions : name => "${local.arn_prefix.lambda}:function:${physical}" }
    streams   = { for name, physical in local.names.streams : name => "${local.arn_prefix.kinesis}:stream/${physical}" }
    tables    = { for name, physical in local.names.tables : name => "${local.arn_prefix.dynamodb}:table/${physical}" }
    queues    = { for name, physical in local.names.queues : name => "${local.arn_prefix.sqs}:${physical}" }
    topics    = { for name, physical in local.names.topics : name => "${local.arn_prefix.sns}:${physical}" }
    buckets   = { for name, physical in local.names.buckets : name => "arn:${local.partition}:s3:::${physical}" }
    buses     = { for name, physical in local.names.buses : name => "${local.arn_prefix.events}:event-bus/${physical}" }
    rules = {
      for name, physical in local.names.rules :
      name => "${local.arn_prefix.events}:rule/${local.names.buses[var.rules[name].bus]}/${physical}"
    }
  }

  # Sender addresses: declared => real.
  email_addresses = {
    for address in local.declared_senders : address => lookup(var.email_addresses, address, address)
  }
}
