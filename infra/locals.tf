locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = var.region

  # Mappings and rules name functions by this alias; a deployment moves it to the new version.
  function_alias = "live"

  # Names at AWS, by declared name.
  names = {
    functions = { for name, function in var.functions : name => "${var.name_prefix}${name}" }
    streams   = { for name, stream in var.streams : name => "${var.name_prefix}${name}" }
    tables    = { for name, table in var.tables : name => "${var.name_prefix}${name}" }
    queues    = { for name, queue in var.queues : name => "${var.name_prefix}${name}${queue.fifo ? ".fifo" : ""}" }
    topics    = { for name, topic in var.topics : name => "${var.name_prefix}${name}" }
    # Bucket names are shared by everybody.
    buckets = { for name, bucket in var.buckets : name => "${var.name_prefix}${name}-${local.account_id}" }
    buses   = { for name, bus in var.buses : name => "${var.name_prefix}${name}" }
    rules   = { for name, rule in var.rules : name => "${var.name_prefix}${name}" }
  }

  # ARNs, put together here so that policies are known before their resources are there.
  arns = {
    functions = { for name, physical in local.names.functions : name => "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${physical}" }
    streams   = { for name, physical in local.names.streams : name => "arn:${local.partition}:kinesis:${local.region}:${local.account_id}:stream/${physical}" }
    tables    = { for name, physical in local.names.tables : name => "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${physical}" }
    queues    = { for name, physical in local.names.queues : name => "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${physical}" }
    topics    = { for name, physical in local.names.topics : name => "arn:${local.partition}:sns:${local.region}:${local.account_id}:${physical}" }
    buckets   = { for name, physical in local.names.buckets : name => "arn:${local.partition}:s3:::${physical}" }
    buses     = { for name, physical in local.names.buses : name => "arn:${local.partition}:events:${local.region}:${local.account_id}:event-bus/${physical}" }
    rules     = { for name, physical in local.names.rules : name => "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/${local.names.buses[var.rules[name].bus]}/${physical}" }
  }

  # Sender addresses, declared => real.
  email_addresses = {
    for address in distinct(flatten([for function in var.functions : [for use in function.uses : use.email if use.email != null]])) :
    address => lookup(var.email_addresses, address, address)
  }
}
