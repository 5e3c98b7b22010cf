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

locals {
  # In a bucket of dead letters, letters expire, and so does what Lambda gives up. An event that is kept for a held effect
  # (`held/<function>/…`) does not: its effect waits without limit, and the command deletes it once that is decided.
  letter_buckets  = toset(compact([for name, function in var.functions : try(function.uses["DEAD_LETTER_BUCKET"].bucket, null)]))
  letter_prefixes = concat([for name, physical in local.names.functions : "${physical}/"], ["aws/lambda/"])
}

module "bucket" {
  source   = "./modules/bucket"
  for_each = var.buckets

  name            = local.names.buckets[each.key]
  arn             = local.arns.buckets[each.key]
  expiration_days = each.value.expiration_days

  expiring_prefixes = contains(local.letter_buckets, each.key) ? local.letter_prefixes : [""]

  kms_key_arn   = local.kms_key_arn
  tls_required  = var.tls_required
  force_destroy = var.force_destroy
}
