# A development environment: cheap, and quickly deleted.
environment = "dev"
name_prefix = "shop-dev-"
region      = "us-east-1"

log_level          = "DEBUG"
log_retention_days = 7

deletion_protection    = false
point_in_time_recovery = false
force_destroy          = true
