variable "name" {
  type        = string
  description = "Name of the API, and the last part of its log group."
}

variable "authorizers" {
  type        = map(object({ issuer = string, audience = list(string) }))
  description = "JWT authorizers by name."
  default     = {}
}

variable "throttling" {
  type        = object({ rate = number, burst = number })
  description = "Requests per second, and how many may come at the same moment."
}

variable "routes" {
  type = map(object({
    function      = string
    authorizer    = optional(string)
    authorization = optional(string)
    scopes        = optional(list(string), [])
  }))
  description = "Routes by route key: the function, and who may call."
}

variable "functions" {
  type        = map(object({ name = string, alias = string, alias_arn = string, timeout_seconds = number }))
  description = "Functions that the routes name."
}

variable "log_retention_days" {
  type        = number
  description = "Days for which the access log is kept."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the access log; null: the service's own key."
  nullable    = true
}

variable "throttled_metric" {
  type        = object({ namespace = string, name = string })
  description = "Metric of the requests that throttling refused."
}
