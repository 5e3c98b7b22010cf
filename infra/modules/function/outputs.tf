output "arn" {
  value       = aws_lambda_function.this.arn
  description = "ARN of the function, without a version."
}

output "alias_arn" {
  value       = aws_lambda_alias.live.arn
  description = "ARN of the alias."
}

output "version" {
  value       = aws_lambda_alias.live.function_version
  description = "Version to which the alias points."
}

output "mappings" {
  value       = { for name, mapping in aws_lambda_event_source_mapping.this : name => mapping.uuid }
  description = "UUID of each event source mapping."
}

output "role_name" {
  value       = aws_iam_role.this.name
  description = "Name of the role."
}

output "role" {
  value       = { path = aws_iam_role.this.path, permissions_boundary = aws_iam_role.this.permissions_boundary }
  description = "Path and permissions boundary of the role."
}

output "enabled" {
  value       = { for name, mapping in aws_lambda_event_source_mapping.this : name => mapping.enabled }
  description = "Whether each event source mapping is enabled."
}

output "vpc" {
  value = one([
    for config in aws_lambda_function.this.vpc_config : {
      subnet_ids = config.subnet_ids, security_group_ids = config.security_group_ids
    }
  ])
  description = "Subnets and security groups in a VPC; null: outside any VPC."
}

output "url" {
  value       = one(aws_lambda_function_url.this[*].function_url)
  description = "URL of the function; null: it has none."
}
