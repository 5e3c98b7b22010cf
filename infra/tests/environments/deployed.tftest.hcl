# One environment as it would be deployed, with AWS mocked. infra/tests/environments.py runs it with each file of infra/env and compares them.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "deployed" {
  command = apply

  assert {
    condition     = output.operator_environment.TIDEGATE_NAME_PREFIX == var.name_prefix
    error_message = "Operators are told another prefix than the resources have."
  }
}
