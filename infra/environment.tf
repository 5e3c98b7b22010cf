# Ties the state to one environment in one account. Applied to another environment's state, a plan would replace the
# key and everything that it encrypts; here it fails before anything is changed.
resource "terraform_data" "environment" {
  # What the state was made for. It is written once: later values are compared with it, and change nothing.
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
      error_message = "The workspace is ${terraform.workspace} and the environment is ${var.environment}. Each environment has a workspace of its name: `make deploy ENV=${var.environment}` selects it."
    }

    precondition {
      condition     = var.account_id == null || var.account_id == local.account_id
      error_message = "The credentials are of account ${local.account_id}; ${var.environment} is in account ${coalesce(var.account_id, "?")}. Set AWS_PROFILE to a profile of that account, or correct account_id in env/${var.environment}.tfvars."
    }

    postcondition {
      condition = self.output.environment == var.environment && self.output.account_id == local.account_id && (
      self.output.region == var.region && self.output.name_prefix == var.name_prefix)
      error_message = "This state is of environment ${self.output.environment} (prefix \"${self.output.name_prefix}\") in account ${self.output.account_id}, ${self.output.region}. The plan is for ${var.environment} (prefix \"${var.name_prefix}\") in account ${local.account_id}, ${var.region}. It would replace the key, the tables and everything else. Select the workspace of ${var.environment}: `make deploy ENV=${var.environment}` does."
    }
  }
}
