locals {
  rules_to_topic = {
    for name in keys(var.topics) : name => [
      for rule in distinct([for target in local.rule_targets : target.rule if try(target.target.topic == name, false)]) :
      local.arns.rules[rule]
    ]
  }
}

module "topic" {
  source   = "./modules/topic"
  for_each = var.topics

  name         = local.names.topics[each.key]
  fifo         = each.value.fifo
  by_content   = each.value.content_based_deduplication
  arn          = local.arns.topics[each.key]
  kms_key_arn  = local.kms_key_arn
  tls_required = var.tls_required
  account_id   = local.account_id
  rules        = local.rules_to_topic[each.key]
}
