terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # The state is beside these files, one per workspace. README.md, State, says how to keep it in S3.
  backend "local" {}
}
