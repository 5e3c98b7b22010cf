# Production: encrypted with a key of its own, protected against deletion, traced.
environment = "prod"
name_prefix = "shop-prod-"
region      = "us-east-1"

log_level          = "INFO"
log_retention_days = 30
xray_tracing       = true

customer_managed_key   = true
deletion_protection    = true
point_in_time_recovery = true
reserve_concurrency    = true

# A week to find out what is wrong, and to read again from a time before it.
stream_retention_hours = { orders = 168 }

function_overrides = {
  order-projection = { memory_mb = 512 }
}

sender_owner = "prod"
