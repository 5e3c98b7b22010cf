# Mail from or to addresses that do not exist is warned of. A state belongs to one environment, so this one has a file of
# its own.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment         = "test"
  name_prefix         = "shop-test-"
  placeholder_zip     = "./tests/placeholder.zip"
  deletion_protection = false
}

run "mail_from_an_address_that_nobody_has_is_warned_of" {
  command = plan

  variables {
    function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "tidegate.dev" } } }
  }

  expect_failures = [check.mail]
}

run "mail_to_customers_that_nobody_is_is_warned_of" {
  command = plan

  variables {
    email_addresses = { "orders@shop.example.com" = "orders@tidegate.dev" }
  }

  expect_failures = [check.mail]
}

run "mail_between_addresses_that_exist_is_not" {
  command = plan

  variables {
    email_addresses    = { "orders@shop.example.com" = "orders@counterexample.com" }
    function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "tidegate.dev" } } }
  }
}
