# SES sends a mail to each address that must be answered before it may be used as sender.
resource "aws_ses_email_identity" "this" {
  for_each = local.email_addresses

  email = each.value
}
