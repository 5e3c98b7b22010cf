# Credentials come from the environment, as for every AWS tool. With AWS_ENDPOINT_URL set, an emulator is used.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      system      = "tidegate"
      environment = var.environment
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
