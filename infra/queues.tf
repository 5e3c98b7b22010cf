locals {
  # The queues that redrive to a queue, and the rules that write to it: as target, or when they give
  # up.
  redrive_sources = {
    for name, queue in var.queues : name => [
      for source, declared in var.queues : local.arns.queues[source] if try(declared.redrive.queue == name, false)
    ]
  }
  rules_to_queue = {
    for name, queue in var.queues : name => [
      for rule in distinct([
        for target in local.rule_targets : target.rule
        if target.target.dead_letter_queue == name || try(target.target.queue == name, false)
      ]) : local.arns.rules[rule]
    ]
  }
}

module "queue" {
  source   = "./modules/queue"
  for_each = var.queues

  name                       = local.names.queues[each.key]
  arn                        = local.arns.queues[each.key]
  fifo                       = each.value.fifo
  retention_seconds          = each.value.retention_seconds
  visibility_timeout_seconds = each.value.visibility_timeout_seconds
  kms_key_arn                = local.kms_key_arn
  tls_required               = var.tls_required
  redrive_sources            = local.redrive_sources[each.key]
  rules                      = local.rules_to_queue[each.key]
  scheduled                  = contains(local.scheduled_queues, each.key)
  topics                     = local.topics_to_queue[each.key]
}

# Not an attribute of the queue: Terraform creates queues side by side, and SQS refuses a redrive to
# a queue that does not exist yet.
resource "aws_sqs_queue_redrive_policy" "this" {
  for_each = { for name, queue in var.queues : name => queue.redrive if queue.redrive != null }

  queue_url = module.queue[each.key].url
  redrive_policy = jsonencode({
    deadLetterTargetArn = module.queue[each.value.queue].arn
    maxReceiveCount     = each.value.maximum_receives
  })
}
