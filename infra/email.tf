locals {
  identity_arn = "${local.arn_prefix.ses}:identity"

  # An identity belongs to account and region, not to an environment: if one environment deletes it,
  # all others lose it. So one of them owns it, by its name. A copy of its file has another name and
  # owns nothing.
  owns_sender = var.sender_owner == var.environment

  # SES checks the permission on the address if that is an identity, and on its domain otherwise.
  sender_identities = {
    for declared, address in local.email_addresses : declared => concat([address], compact([var.sender_domain]))
  }

  # Records for the domain's DNS zone, by which SES verifies the domain and signs its mail.
  dkim_records = [
    for token in flatten(aws_ses_domain_dkim.this[*].dkim_tokens) : {
      name = "${token}._domainkey.${var.sender_domain}", type = "CNAME", value = "${token}.dkim.amazonses.com"
    }
  ]

  # Sender addresses, and domains of customers, at which nobody can confirm or receive mail.
  example_addresses = [
    for address in concat(
      values(local.email_addresses),
      [for environment in local.environments : lookup(environment, "CUSTOMER_EMAIL_DOMAIN", "-")],
    ) : address if can(regex("(^|[@.])example[.](com|net|org)$", lower(address)))
  ]
}

# SES sends a mail to each address, which must be confirmed before functions can send from it.
# Addresses of a verified domain need no confirmation.
resource "aws_ses_email_identity" "this" {
  for_each = local.owns_sender && var.sender_domain == null ? local.email_addresses : {}

  email = each.value
}

resource "aws_ses_domain_identity" "this" {
  count = local.owns_sender && var.sender_domain != null ? 1 : 0

  domain = var.sender_domain
}

# DKIM signs every mail of the domain. Its DNS records verify the domain too.
resource "aws_ses_domain_dkim" "this" {
  count = length(aws_ses_domain_identity.this)

  domain = aws_ses_domain_identity.this[0].domain
}

# Declared, not guessed: if two environments of one account registered a sender, deleting one of
# them would take it from the other.
check "sender" {
  assert {
    condition     = length(local.email_addresses) == 0 || var.sender_owner != null
    error_message = <<-EOT
      Functions send mail, and no environment registers its sender at SES. Set sender_owner to the
      environment that does: "${var.environment}" for this one.
    EOT
  }
}

# A warning, because everything but mail works without real addresses. An emulator delivers no mail.
check "mail" {
  assert {
    condition     = var.environment == "local" || length(local.example_addresses) == 0
    error_message = <<-EOT
      Mail would go from or to ${join(", ", distinct(local.example_addresses))}, where everything bounces and nobody
      can confirm an address. Set email_addresses, and CUSTOMER_EMAIL_DOMAIN in function_overrides.
    EOT
  }
}
