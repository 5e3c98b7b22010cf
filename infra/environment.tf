# Ties the state to one environment in one account. A plan applied to the state of another
# environment would replace the key and everything that it encrypts; this makes it fail before it
# changes anything.
resource "terraform_data" "environment" {
  # The environment that the state was created for. The first apply writes it; later plans are
  # compared with it, and do not change it.
  input = {
    environment = var.environment
    account_id  = local.account_id
    region      = var.region
    name_prefix = var.name_prefix
  }

  lifecycle {
    ignore_changes = [input]

    precondition {
      condition     = contains(["default", var.environment], terraform.workspace)
      error_message = <<-EOT
        The workspace is ${terraform.workspace} and the environment is ${var.environment}. Each environment has a
        workspace of its name: `make deploy ENV=${var.environment}` selects it.
      EOT
    }

    precondition {
      condition     = var.account_id == null || var.account_id == local.account_id
      error_message = <<-EOT
        The credentials belong to account ${local.account_id}, and ${var.environment} is in account
        ${coalesce(var.account_id, "?")}. Set AWS_PROFILE to a profile of that account, or correct account_id in
        env/${var.environment}.tfvars.
      EOT
    }

    postcondition {
      condition = [
        self.output.environment, self.output.account_id, self.output.region, self.output.name_prefix
      ] == [var.environment, local.account_id, var.region, var.name_prefix]
      error_message = <<-EOT
        This state belongs to environment ${self.output.environment} (prefix "${self.output.name_prefix}") in account
        ${self.output.account_id}, ${self.output.region}. The plan is for ${var.environment} (prefix
        "${var.name_prefix}") in account ${local.account_id}, ${var.region}. It would replace the key, the tables and
        everything else. Select the workspace of ${var.environment}: `make deploy ENV=${var.environment}` does.
      EOT
    }
  }
}
