# What operators change while the system runs. It is written into env/<environment>.overrides.tfvars.json, by `make rollback`,
# `make pause` and their opposites, and is kept by every later deployment until it is removed.

variable "versions" {
  type        = map(string)
  description = "Functions that stay at a published version, by declared name. The others follow what is deployed."
  default     = {}

  validation {
    condition     = alltrue([for name, version in var.versions : contains(keys(var.functions), name)])
    error_message = "versions names a function that is not declared; declared: ${join(", ", keys(var.functions))}."
  }

  validation {
    condition     = alltrue([for name, version in var.versions : can(regex("^[1-9][0-9]*$", version))])
    error_message = "versions has a value that is not the number of a published version, such as \"7\": ${join(", ", [for name, version in var.versions : "${name} = \"${version}\"" if !can(regex("^[1-9][0-9]*$", version))])}. `aws lambda list-versions-by-function` lists them."
  }
}

# Terraform does nothing with it: `make rollback` reads it in the same file.
variable "rolled_back_from" {
  type        = map(list(string))
  description = "Versions of a function that somebody has rolled back from, by declared name. `make rollback` does not choose them again."
  default     = {}
}

variable "paused_sources" {
  type        = map(map(string))
  description = "Event source mappings that do not run, by function and source, each with the reason why."
  default     = {}

  validation {
    condition     = alltrue(flatten([for name, sources in var.paused_sources : [for source, reason in sources : contains(keys(try(var.functions[name].sources, {})), source)]]))
    error_message = "paused_sources names a source that is not declared; declared: ${join(", ", flatten([for name, function in var.functions : [for source in keys(function.sources) : "${name}.${source}"]]))}."
  }

  validation {
    condition     = alltrue(flatten([for name, sources in var.paused_sources : [for source, reason in sources : length(trimspace(reason)) >= 10 && length(reason) <= 200]]))
    error_message = "paused_sources gives each source a reason of 10 to 200 characters: whoever finds it paused must know why."
  }
}
