# SES sends a mail to each address that must be answered before it may be used as sender. An address belongs to account and region, not to the
# environment: what is deleted here is gone for every other.
resource "aws_ses_email_identity" "this" {
  for_each = var.create_email_identities ? local.email_addresses : {}

  email = each.value
}

# A warning, since everything but mail can be tried out without addresses of one's own. An emulator delivers nothing.
check "mail" {
  assert {
    condition = var.environment == "local" || !anytrue([
      for address in concat(values(local.email_addresses), [for environment in local.environments : lookup(environment, "CUSTOMER_EMAIL_DOMAIN", "-")]) :
      can(regex("(^|[@.])example[.](com|net|org)$", lower(address)))
    ])
    error_message = "Mail would go from or to example.com, which nobody can confirm and where everything bounces: set email_addresses, and CUSTOMER_EMAIL_DOMAIN in function_overrides."
  }
}
