module "table" {
  source   = "./modules/table"
  for_each = var.tables

  name                   = local.names.tables[each.key]
  partition_key          = each.value.partition_key
  sort_key               = each.value.sort_key
  stream_view            = each.value.stream_view
  ttl_attribute          = each.value.ttl_attribute
  kms_key_arn            = local.kms_key_arn
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection
}

module "bucket" {
  source   = "./modules/bucket"
  for_each = var.buckets

  name            = local.names.buckets[each.key]
  arn             = local.arns.buckets[each.key]
  expiration_days = each.value.expiration_days
  kms_key_arn     = local.kms_key_arn
  tls_required    = var.tls_required
  force_destroy   = var.force_destroy
}
