# One environment as it would be deployed, with AWS mocked. infra/tests/environments.py runs it with
# each file of infra/env and compares them.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "deployed" {
  command = apply

  # What only who deploys knows: a check asks for it.
  variables {
    alarm_email_addresses = ["oncall@tidegate.dev"]
    email_addresses = {
      for address in flatten([
        for function in var.functions : [for use in try(function.uses, {}) : use.email if try(use.email, null) != null]
      ]) :
      address => "${split("@", lookup(var.email_addresses, address, address))[0]}@tidegate.dev"
    }
    functions = { for name, function in var.functions : name => merge(function, {
      environment = {
        for variable, value in try(function.environment, {}) :
        variable => variable == "CUSTOMER_EMAIL_DOMAIN" ? "tidegate.dev" : value
      }
    }) }
  }

  assert {
    condition     = output.operator_environment.TIDEGATE_NAME_PREFIX == var.name_prefix
    error_message = "Operators are told another prefix than the resources have."
  }
}
