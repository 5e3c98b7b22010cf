# A state belongs to one environment in one account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment     = "prod"
  sender_owner    = "prod"
  name_prefix     = "shop-prod-"
  placeholder_zip = "./tests/placeholder.zip"
  region          = "eu-west-1"

  # Real ones, so that nothing warns.
  email_addresses       = { "orders@shop.example.com" = "orders@shop.test" }
  function_overrides    = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "shop.test" } } }
  alarm_email_addresses = ["oncall@shop.test"]
}

run "an_account_that_is_not_the_declared_one_is_refused" {
  command = plan

  variables {
    account_id = "999999999999"
  }

  expect_failures = [terraform_data.environment]
}

run "the_first_deployment_says_what_the_state_is_for" {
  command = apply

  variables {
    account_id = "123456789012"
  }

  assert {
    condition = (
      terraform_data.environment.output.environment == "prod" &&
      terraform_data.environment.output.account_id == "123456789012"
    )
    error_message = "The state does not say which environment it is of."
  }
}

run "dev_on_the_state_of_prod_is_refused" {
  command = plan

  variables {
    environment = "dev"
    name_prefix = "shop-dev-"
  }

  expect_failures = [terraform_data.environment]
}

run "another_prefix_is_refused" {
  command = plan

  variables {
    name_prefix = "store-prod-"
  }

  expect_failures = [terraform_data.environment]
}

run "another_region_is_refused" {
  command = plan

  variables {
    region = "us-east-1"
  }

  expect_failures = [terraform_data.environment]
}

run "the_same_environment_is_planned_again" {
  command = plan

  assert {
    condition     = terraform_data.environment.output.environment == "prod"
    error_message = "What the state is for has changed."
  }
}
