# Credentials come from the environment, as for every AWS tool. With AWS_ENDPOINT_URL set, an
# emulator is used.
provider "aws" {
  region = var.region

  # Refuses credentials of another account before it reads anything.
  allowed_account_ids = var.account_id == null ? null : [var.account_id]

  default_tags {
    tags = merge(var.tags, {
      system      = "tidegate"
      environment = var.environment
    })
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
