# An emulator (AWS_ENDPOINT_URL must be set): names as declared, and only what emulators know.
environment = "local"
name_prefix = ""
region      = "us-east-1"

log_retention_days = 1

deletion_protection    = false
point_in_time_recovery = true
force_destroy          = true
tls_required           = false # emulators speak HTTP
schema_registry        = false # MiniStack has none
detailed_metrics       = false # nor these

# MiniStack asks IAM for dynamodb:BatchExecuteStatement, an action that AWS does not have.
statements = "single"

sender_owner = "local"
