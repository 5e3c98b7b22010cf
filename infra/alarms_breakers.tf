# Alarms of circuit breakers.

locals {
  breaker_alarms = merge([for name, breaker in var.breakers : {
    "breaker-${name}-opened" = merge(local.at_once, {
      namespace  = var.metrics_namespace, metric = "BreakerOpened"
      dimensions = { function = local.names.functions[breaker.function], breaker = name }
      description = join(" ", [
        "The provider behind the breaker ${name} does not work, and ${breaker.function} no longer calls it but for probes.",
        "Messages wait in ${breaker.queue} for ${breaker.longest_outage_seconds} s at most; a longer outage makes dead letters.",
      ])
    })
  } if var.metrics_namespace != null]...)
}
