# What operators have changed (variables_operations.tf), and what says so as long as it lasts.

# Fails for a version that does not exist, before anything is changed.
data "aws_lambda_function" "held" {
  for_each = var.versions

  function_name = local.names.functions[each.key]
  qualifier     = each.value
}

locals {
  # By function and source, as one name.
  paused = merge([for name, sources in var.paused_sources : { for source, reason in sources : "${name}.${source}" => reason }]...)
}

# Warnings of every plan: neither is meant to last.
check "every_function_follows_what_is_deployed" {
  assert {
    condition     = length(var.versions) == 0
    error_message = "Functions stay at a version and do not follow what is deployed: ${join(", ", [for name, version in var.versions : "${name} at ${version}"])}. `make rollforward ENV=${var.environment} FUNCTION=…` ends that."
  }
}

check "every_source_is_read" {
  assert {
    condition     = length(local.paused) == 0
    error_message = "Sources are paused, and what waits in them is given up or lost once it is too old: ${join("; ", [for source, reason in local.paused : "${source} (${reason})"])}. `make resume ENV=${var.environment} SOURCE=…` ends that."
  }
}
