module "table" {
  source   = "./modules/table"
  for_each = local.tables

  name                   = local.names.tables[each.key]
  partition_key          = each.value.partition_key
  sort_key               = each.value.sort_key
  indexes                = each.value.indexes
  stream_view            = each.value.stream_view
  ttl_attribute          = each.value.ttl_attribute
  kms_key_arn            = local.kms_key_arn
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection
}

locals {
  # In a bucket of dead letters, the letters expire, and so does what Lambda gives up. An event kept
  # for a held effect (`held/<function>/…`) does not expire: its effect waits without limit, and the
  # command deletes it once the effect is decided.
  letter_buckets  = toset(compact([for name, function in var.functions : try(function.uses["DEAD_LETTER_BUCKET"].bucket, null)]))
  letter_prefixes = concat([for name, physical in local.names.functions : "${physical}/"], ["aws/lambda/"])

  # A function that records effects can keep the events of held effects in any bucket that it writes
  # to. S3 cannot exclude a prefix from an expiry, so nothing expires in those that are not for
  # letters.
  held_buckets = toset(flatten([
    for name, function in var.functions : [for use in function.uses : use.bucket if use.bucket != null && use.access != "read"]
    if length(local.record_retention[name]) > 0
  ]))
  lasting_buckets = setsubtract(local.held_buckets, local.letter_buckets)
  expiring_prefixes = {
    for name in keys(var.buckets) : name => (contains(local.letter_buckets, name)
      ? local.letter_prefixes
    : contains(local.lasting_buckets, name) ? [] : [""])
  }
}

check "nothing_expires_that_an_effect_waits_for" {
  assert {
    condition     = length(local.lasting_buckets) == 0
    error_message = <<-EOT
      Nothing expires in ${join(", ", local.lasting_buckets)}, whatever expiration_days says: a function that records effects
      can keep the events of held effects there, and they are needed without limit. Let the function write only
      to the bucket of its dead letters, where letters expire and held events do not.
    EOT
  }
}

module "bucket" {
  source   = "./modules/bucket"
  for_each = var.buckets

  name            = local.names.buckets[each.key]
  arn             = local.arns.buckets[each.key]
  expiration_days = each.value.expiration_days

  expiring_prefixes = local.expiring_prefixes[each.key]

  kms_key_arn   = local.kms_key_arn
  tls_required  = var.tls_required
  force_destroy = var.force_destroy
}
