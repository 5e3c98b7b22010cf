module "topic" {
  source   = "./modules/topic"
  for_each = var.topics

  name         = local.names.topics[each.key]
  arn          = local.arns.topics[each.key]
  kms_key_arn  = local.kms_key_arn
  tls_required = var.tls_required
  account_id   = local.account_id
}
