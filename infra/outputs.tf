output "operator_environment" {
  value = {
    AWS_REGION           = local.region
    TIDEGATE_NAME_PREFIX = var.name_prefix
  }
  description = "Environment variables with which `tidegate`, `shop` and scripts/replay-dlq work on this system."
}

output "functions" {
  value       = { for name, function in module.function : name => function.alias_arn }
  description = "ARN of each function's alias, by which to invoke it."
}

output "versions" {
  value       = { for name, function in module.function : name => function.version }
  description = "Version to which each function's alias points."
}

output "roles" {
  value       = { for name, function in module.function : name => function.role_name }
  description = "Name of each function's role."
}

output "streams" {
  value       = { for name, stream in module.stream : name => stream.arn }
  description = "ARN of each Kinesis stream."
}

output "tables" {
  value       = local.names.tables
  description = "Name of each table."
}

output "queues" {
  value       = { for name, queue in module.queue : name => queue.url }
  description = "URL of each queue."
}

output "topics" {
  value       = { for name, topic in module.topic : name => topic.arn }
  description = "ARN of each SNS topic."
}

output "buckets" {
  value       = local.names.buckets
  description = "Name of each bucket."
}

output "buses" {
  value       = local.names.buses
  description = "Name of each bus."
}

output "apis" {
  value       = { for name, api in module.api : name => api.endpoint }
  description = "URL of each HTTP API."
}

output "function_urls" {
  value       = { for name, function in module.function : name => function.url if function.url != null }
  description = "URL of each function that has one."
}

output "log_groups" {
  value       = { for name, function in local.names.functions : name => "/aws/lambda/${function}" }
  description = "Log group of each function."
}

output "alarm_topics" {
  value       = { for kind, arns in local.topics_told : kind => one(arns) }
  description = "ARNs of the topics that alarms are sent to: page and ticket."
}

output "alarm_count" {
  value       = local.alarm_count
  description = "Number of alarms, without the composite alarm of each function."
}

output "dashboard" {
  value       = aws_cloudwatch_dashboard.this.dashboard_name
  description = "Name of the CloudWatch dashboard."
}

output "sender_dkim_records" {
  value       = local.dkim_records
  description = "Records that the DNS zone of sender_domain needs; empty unless this environment owns it."
}

output "operator_policy" {
  value       = jsonencode(local.operator_policy)
  description = "IAM policy of operators, for dead letters, held effects and parked aggregates."
}

output "producer_policy" {
  value       = jsonencode(local.producer_policy)
  description = "IAM policy of programs that write into the system from outside."
}

output "deployer_policy" {
  value       = jsonencode(local.deployer_policy)
  description = "IAM policy of whoever deploys this environment, without access to the backend of the state."
}
