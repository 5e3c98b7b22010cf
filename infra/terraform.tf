terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # State is kept beside these files, one per workspace. README.md says how to keep it in S3.
  backend "local" {}
}
