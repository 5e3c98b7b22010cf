# What operators change while the system runs. `make rollback`, `make pause` and their opposites
# write it into env/<environment>.overrides.tfvars.json, which every later deployment reads.

variable "versions" {
  type        = map(string)
  description = "Published version at which a function stays, by its declared name. Other functions follow what is deployed."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/versions.tftpl", { versions = var.versions, functions = var.functions }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/versions.tftpl", { versions = var.versions, functions = var.functions }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}

# Terraform does not use it: `make rollback` reads it in the same file.
variable "rolled_back_from" {
  type        = map(list(string))
  description = "Versions that somebody has rolled back from, by function. `make rollback` does not choose them again."
  default     = {}
}

variable "paused_sources" {
  type        = map(map(string))
  description = "Event source mappings that are disabled, by function and source, each with the reason."
  default     = {}

  validation {
    condition = trimspace(templatefile(
      "${path.module}/validations/paused_sources.tftpl",
      { paused_sources = var.paused_sources, functions = var.functions }
    )) == ""
    error_message = replace(replace(trimspace(templatefile(
      "${path.module}/validations/paused_sources.tftpl",
      { paused_sources = var.paused_sources, functions = var.functions }
    )), "/\\n +([^ -])/", " $1"), "/\\n +/", "\n")
  }
}
