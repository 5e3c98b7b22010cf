# Mail from or to addresses that do not exist is warned of. A state belongs to one environment, so
# this one has a file of its own.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment         = "test"
  sender_owner        = "test"
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

run "an_environment_says_who_registers_its_sender" {
  command = plan

  variables {
    sender_owner       = null
    email_addresses    = { "orders@shop.example.com" = "orders@tidegate.dev" }
    function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "tidegate.dev" } } }
  }

  expect_failures = [check.sender]
}

run "a_domain_is_the_sender" {
  command = apply

  variables {
    sender_domain      = "tidegate.dev"
    email_addresses    = { "orders@shop.example.com" = "orders@shop.tidegate.dev" }
    function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "tidegate.dev" } } }
  }

  assert {
    condition = (
      aws_ses_domain_identity.this[0].domain == "tidegate.dev" &&
      aws_ses_domain_dkim.this[0].domain == "tidegate.dev" &&
      length(aws_ses_email_identity.this) == 0
    )
    error_message = "The domain is not verified, or each address must be confirmed as well."
  }

  assert {
    condition = output.sender_dkim_records == [
      for token in ["first", "second", "third"] : {
        name = "${token}._domainkey.tidegate.dev", type = "CNAME", value = "${token}.dkim.amazonses.com"
      }
    ]
    error_message = "Nobody is told which records the DNS zone needs."
  }

  # SES asks for the identity that it finds, which is the address if somebody has confirmed that.
  assert {
    condition = [
      for statement in local.statements.notification : [statement.Resource, statement.Condition]
      if statement.Sid == "UsesSenderAddress"
      ] == [[
        [
          "arn:aws:ses:us-east-1:123456789012:identity/orders@shop.tidegate.dev",
          "arn:aws:ses:us-east-1:123456789012:identity/tidegate.dev",
        ],
        { StringEquals = { "ses:FromAddress" = "orders@shop.tidegate.dev" } },
    ]]
    error_message = "A function may not send from the domain, or may send from all of its addresses."
  }
}

# A copy of an environment's file has the same owner, which is not the copy.
run "another_environments_sender_is_not_registered_again" {
  command = plan

  variables {
    sender_owner       = "prod"
    sender_domain      = "tidegate.dev"
    email_addresses    = { "orders@shop.example.com" = "orders@tidegate.dev" }
    function_overrides = { notification = { environment = { CUSTOMER_EMAIL_DOMAIN = "tidegate.dev" } } }
  }

  assert {
    condition = (
      length(aws_ses_domain_identity.this) + length(aws_ses_domain_dkim.this) + length(aws_ses_email_identity.this) == 0 &&
      length(local.sender_identities["orders@shop.example.com"]) == 2
    )
    error_message = "The identity of another environment would be deleted with this one, or is not sent from."
  }
}
