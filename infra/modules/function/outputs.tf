output "arn" {
  value       = aws_lambda_function.this.arn
  description = "ARN of the function, without a version."
}

output "alias_arn" {
  value       = aws_lambda_alias.live.arn
  description = "ARN of the alias."
}

output "role_name" {
  value       = aws_iam_role.this.name
  description = "Name of the role."
}
