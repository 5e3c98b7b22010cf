locals {
  identity_arn = "arn:${local.partition}:ses:${local.region}:${local.account_id}:identity"

  # An identity belongs to account and region, not to an environment: what one environment deletes is gone for every other. So one
  # of them owns it, by its name. A copy of its file under another name owns nothing.
  owns_sender = var.sender_owner == var.environment

  # SES asks for permission on the address if it is an identity, and on its domain otherwise.
  sender_identities = {
    for declared, address in local.email_addresses : declared => concat([address], compact([var.sender_domain]))
  }

  # Records of the domain's DNS zone by which SES verifies the domain and signs its mail.
  dkim_records = [
    for token in flatten(aws_ses_domain_dkim.this[*].dkim_tokens) : { name = "${token}._domainkey.${var.sender_domain}", type = "CNAME", value = "${token}.dkim.amazonses.com" }
  ]
}

# SES sends a mail to each address that must be answered before it may be used as sender. Addresses of a domain need none.
resource "aws_ses_email_identity" "this" {
  for_each = local.owns_sender && var.sender_domain == null ? local.email_addresses : {}

  email = each.value
}

resource "aws_ses_domain_identity" "this" {
  count = local.owns_sender && var.sender_domain != null ? 1 : 0

  domain = var.sender_domain
}

# DKIM signs every mail of the domain. Its records in DNS verify the domain too.
resource "aws_ses_domain_dkim" "this" {
  count = length(aws_ses_domain_identity.this)

  domain = aws_ses_domain_identity.this[0].domain
}

# Who registers the sender is said, not guessed: two environments of one account that both did would delete each other's.
check "sender" {
  assert {
    condition     = length(local.email_addresses) == 0 || var.sender_owner != null
    error_message = "Mail is sent, and no environment registers its sender at SES: set sender_owner to the environment that does, \"${var.environment}\" for this one."
  }
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
