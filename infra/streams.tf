locals {
  stream_retention_hours = { for name, stream in var.streams : name => lookup(var.stream_retention_hours, name, stream.retention_hours) }
}

module "stream" {
  source   = "./modules/stream"
  for_each = var.streams

  name            = local.names.streams[each.key]
  shards          = lookup(var.stream_shards, each.key, each.value.shards)
  retention_hours = local.stream_retention_hours[each.key]
  kms_key_arn     = local.kms_key_arn
}
