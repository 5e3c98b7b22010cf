# Subscriptions of topics: what SNS delivers to queues and functions.

locals {
  # The topics that write to a queue: as its subscription, or when SNS gives up.
  topics_to_queue = {
    for name in keys(var.queues) : name => distinct([
      for subscription in var.subscriptions : local.arns.topics[subscription.topic]
      if try(subscription.queue == name, false) || try(subscription.dead_letter_queue == name, false)
    ])
  }

  # The topics that invoke a function, by subscription.
  topics_of_function = {
    for name in keys(var.functions) : name => {
      for label, subscription in var.subscriptions : label => local.arns.topics[subscription.topic]
      if try(subscription.function == name, false)
    }
  }

  subscribed_topics = toset([for subscription in var.subscriptions : subscription.topic])
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn            = module.topic[each.value.topic].arn
  protocol             = can(each.value.function) ? "lambda" : "sqs"
  endpoint             = can(each.value.function) ? module.function[each.value.function].alias_arn : module.queue[each.value.queue].arn
  raw_message_delivery = try(each.value.raw_message_delivery, false)

  filter_policy = can(each.value.filter_policy) ? jsonencode(each.value.filter_policy) : null
  filter_policy_scope = (!can(each.value.filter_policy) ? null
    : try(each.value.filter_policy_scope, "attributes") == "body" ? "MessageBody"
  : "MessageAttributes")

  redrive_policy = jsonencode({ deadLetterTargetArn = module.queue[each.value.dead_letter_queue].arn })

  # Messages arrive as soon as the subscription exists. By then the function needs its permission
  # and its on-failure destination, for which a reference to the alias alone does not wait.
  depends_on = [module.function]
}
