# What operators have changed (variables_operations.tf), and the warnings while it lasts.

# Makes a plan fail if a version does not exist.
data "aws_lambda_function" "held" {
  for_each = var.versions

  function_name = local.names.functions[each.key]
  qualifier     = each.value
}

locals {
  # Reason by "function.source".
  paused = merge([for name, sources in var.paused_sources : { for source, reason in sources : "${name}.${source}" => reason }]...)
}

# Warnings of every plan: neither change is meant to last.
check "every_function_follows_what_is_deployed" {
  assert {
    condition     = length(var.versions) == 0
    error_message = <<-EOT
      Functions stay at a version and do not follow what is deployed:
      ${join(", ", [for name, version in var.versions : "${name} at ${version}"])}.
      `make rollforward ENV=${var.environment} FUNCTION=…` ends that.
    EOT
  }
}

check "every_source_is_read" {
  assert {
    condition     = length(local.paused) == 0
    error_message = <<-EOT
      Sources are paused, and what waits in them is given up or lost once it is too old:
      ${join("; ", [for source, reason in local.paused : "${source} (${reason})"])}.
      `make resume ENV=${var.environment} SOURCE=…` ends that.
    EOT
  }
}
