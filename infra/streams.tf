module "stream" {
  source   = "./modules/stream"
  for_each = var.streams

  name            = local.names.streams[each.key]
  shards          = lookup(var.stream_shards, each.key, each.value.shards)
  retention_hours = each.value.retention_hours
  kms_key_arn     = local.kms_key_arn
}
