# Alarms of topics with subscriptions: what SNS cannot deliver, and what no filter policy can judge.

locals {
  # SNS counts by topic, so an alarm names the subscriptions that it is about.
  subscriptions_of_topic = {
    for topic in local.subscribed_topics : topic => sort([
      for name, subscription in var.subscriptions : name if subscription.topic == topic
    ])
  }
  topic_letters = {
    for topic in local.subscribed_topics : topic => sort(distinct([
      for subscription in var.subscriptions : subscription.dead_letter_queue if subscription.topic == topic
    ]))
  }
  # SNS's metric of what a filter policy cannot be compared with, by scope.
  invalid_metrics = {
    attributes = "NumberOfNotificationsFilteredOut-InvalidAttributes"
    body       = "NumberOfNotificationsFilteredOut-InvalidMessageBody"
  }
  # The scopes in which subscriptions of a topic filter.
  scopes_of_topic = {
    for topic in local.subscribed_topics : topic => toset([
      for subscription in var.subscriptions : try(subscription.filter_policy_scope, "attributes")
      if subscription.topic == topic && can(subscription.filter_policy)
    ])
  }

  subscription_alarms = merge(
    merge([for topic in local.subscribed_topics : {
      "topic-${topic}-failed" = merge(local.at_once, {
        namespace  = "AWS/SNS", metric = "NumberOfNotificationsFailed"
        dimensions = { TopicName = local.names.topics[topic] }
        description = join(" ", [
          "SNS finally failed to deliver messages of the topic ${topic}, usually because a queue, a function or a permission",
          "is missing. Subscriptions: ${join(", ", local.subscriptions_of_topic[topic])}.",
          "The messages are in ${join(", ", local.topic_letters[topic])}; ErrorCode says why.",
        ])
      })
      "topic-${topic}-dead-lettered" = merge(local.at_once, {
        namespace  = "AWS/SNS", metric = "NumberOfNotificationsRedrivenToDlq"
        dimensions = { TopicName = local.names.topics[topic] }
        description = join(" ", [
          "Messages of the topic ${topic} went to ${join(", ", local.topic_letters[topic])}.",
          "scripts/replay-dlq lists them; repair the cause, then replay with --yes.",
        ])
      })
      "topic-${topic}-lost" = merge(local.at_once, {
        tells      = "page"
        namespace  = "AWS/SNS", metric = "NumberOfNotificationsFailedToRedriveToDlq"
        dimensions = { TopicName = local.names.topics[topic] }
        description = join(" ", [
          "LOSS: SNS could write messages of the topic ${topic} neither to their receiver nor to",
          "${join(", ", local.topic_letters[topic])}. Check what the policies of the queue and of the key allow sns.amazonaws.com.",
        ])
      })
    }]...),
    merge([for topic, scopes in local.scopes_of_topic : {
      for scope in scopes : "topic-${topic}-invalid-${scope}" => merge(local.at_once, {
        namespace  = "AWS/SNS", metric = local.invalid_metrics[scope]
        dimensions = { TopicName = local.names.topics[topic] }
        description = join(" ", [
          "Messages of the topic ${topic} reached nobody, because a filter policy cannot be compared with them:",
          scope == "body" ? "the message is not a JSON object." : "an attribute is not what its data type says.",
          "Correct the publisher, and publish them again.",
        ])
      })
    }]...),
  )
}
