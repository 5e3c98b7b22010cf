# A development environment: cheap, and quickly deleted.
environment = "dev"
name_prefix = "shop-dev-"
region      = "us-east-1"

log_level          = "DEBUG"
log_retention_days = 7
detailed_metrics   = false # they are billed

deletion_protection    = false
point_in_time_recovery = false
force_destroy          = true

# A sender of its own: prod's would be deleted with dev.
sender_owner    = "dev"
email_addresses = { "orders@shop.example.com" = "dev-orders@shop.example.com" }
