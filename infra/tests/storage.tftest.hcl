# One table, one bucket, one stream, one bus.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "shop-test-refunds"
  kms_key_arn = null
}

run "a_table_is_what_was_declared" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    partition_key          = { name = "stream", type = "S" }
    sort_key               = { name = "version", type = "N" }
    stream_view            = "NEW_IMAGE"
    ttl_attribute          = "expires_at"
    point_in_time_recovery = true
    deletion_protection    = true
  }

  assert {
    condition = aws_dynamodb_table.this.hash_key == "stream" && aws_dynamodb_table.this.range_key == "version" && {
      for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type
    } == { stream = "S", version = "N" }
    error_message = "The keys differ."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table has provisioned capacity."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_IMAGE"
    error_message = "The table's stream differs."
  }

  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "expires_at"
    error_message = "Items do not expire by the declared attribute."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "The table can be deleted, or not be restored."
  }
}

run "a_table_has_the_declared_indexes" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    partition_key = { name = "stream", type = "S" }
    sort_key      = null
    indexes = {
      by-customer = {
        partition_key = { name = "customer", type = "S" }
        sort_key      = { name = "at", type = "S" }
      }
      by-day = {
        partition_key = { name = "at", type = "S" }
        projection    = "INCLUDE"
        attributes    = ["version", "parked"]
      }
      by-total = {
        partition_key = { name = "status", type = "S" }
        sort_key      = { name = "total", type = "N" }
        projection    = "KEYS_ONLY"
      }
    }
    stream_view            = null
    ttl_attribute          = null
    point_in_time_recovery = false
    deletion_protection    = false
  }

  assert {
    condition = {
      for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type...
    } == { at = ["S"], customer = ["S"], status = ["S"], stream = ["S"], total = ["N"] }
    error_message = "A key is missing, or is there twice."
  }

  assert {
    condition = {
      for index in aws_dynamodb_table.this.global_secondary_index :
      index.name => join(" ", compact([index.hash_key, index.range_key, index.projection_type]))
      } == {
      by-customer = "customer at ALL", by-day = "at INCLUDE", by-total = "status total KEYS_ONLY"
    }
    error_message = "An index differs from its declaration."
  }

  assert {
    condition = toset(flatten([
      for index in aws_dynamodb_table.this.global_secondary_index : tolist(coalesce(index.non_key_attributes, []))
    ])) == toset(["version", "parked"])
    error_message = "An index has other attributes than declared."
  }
}

run "a_table_without_extras_has_none" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    partition_key          = { name = "id", type = "S" }
    sort_key               = null
    stream_view            = null
    ttl_attribute          = null
    point_in_time_recovery = false
    deletion_protection    = false
  }

  assert {
    condition = (
      aws_dynamodb_table.this.range_key == null &&
      !aws_dynamodb_table.this.stream_enabled &&
      length(aws_dynamodb_table.this.ttl) == 0 &&
      length(aws_dynamodb_table.this.global_secondary_index) == 0
    )
    error_message = "The table has a sort key, an index, a stream or a time to live that nobody declared."
  }

  assert {
    condition = (
      !aws_dynamodb_table.this.deletion_protection_enabled &&
      !aws_dynamodb_table.this.point_in_time_recovery[0].enabled &&
      !aws_dynamodb_table.this.server_side_encryption[0].enabled
    )
    error_message = "Protection, recovery or a key is on although it is off."
  }
}

run "a_table_uses_the_environments_key" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    partition_key          = { name = "id", type = "S" }
    sort_key               = null
    stream_view            = null
    ttl_attribute          = null
    point_in_time_recovery = false
    deletion_protection    = false
    kms_key_arn            = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition = (
      aws_dynamodb_table.this.server_side_encryption[0].enabled &&
      aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    )
    error_message = "The table does not use the key."
  }
}

run "a_bucket_is_private_and_forgets" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    arn             = "arn:aws:s3:::shop-test-refunds"
    expiration_days = 14
    tls_required    = true
    force_destroy   = false
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket can be made public."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Objects may have access lists of their own."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration[0].days == 14 &&
      aws_s3_bucket_lifecycle_configuration.this.rule[0].status == "Enabled"
    )
    error_message = "Objects do not expire as declared."
  }

  assert {
    condition = length(
      aws_s3_bucket_lifecycle_configuration.this.rule[1].expiration
    ) == 0 && aws_s3_bucket_lifecycle_configuration.this.rule[1].noncurrent_version_expiration[0].noncurrent_days == 1
    error_message = "What was deleted stays, or more expires than is declared."
  }

  assert {
    condition = one(
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default
    ).sse_algorithm == "AES256"
    error_message = "Objects are not encrypted with S3's own key."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this[0].policy).Statement == [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::shop-test-refunds", "arn:aws:s3:::shop-test-refunds/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The policy does something else than to deny requests without TLS."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "The bucket is deleted with what is in it."
  }
}

run "a_bucket_forgets_only_what_begins_with_an_expiring_prefix" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    arn               = "arn:aws:s3:::shop-test-refunds"
    expiration_days   = 14
    expiring_prefixes = ["f/", "aws/lambda/"]
    tls_required      = true
    force_destroy     = false
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix if length(rule.expiration) > 0
    ] == ["f/", "aws/lambda/"]
    error_message = "Something else expires."
  }
}

run "a_bucket_uses_the_environments_key" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    arn             = "arn:aws:s3:::shop-test-refunds"
    expiration_days = 14
    tls_required    = false
    force_destroy   = true
    kms_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition = one(
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default
    ).kms_master_key_id == var.kms_key_arn
    error_message = "The bucket does not use the key."
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0 && aws_s3_bucket.this.force_destroy
    error_message = "An emulator's requests are denied, or its bucket stays."
  }
}

run "a_stream_is_what_was_declared" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    shards          = 2
    retention_hours = 48
  }

  assert {
    condition = (
      aws_kinesis_stream.this.shard_count == 2 &&
      aws_kinesis_stream.this.retention_period == 48 &&
      aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "PROVISIONED"
    )
    error_message = "Shards, retention or mode differ."
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "alias/aws/kinesis"
    error_message = "Records are not encrypted with Kinesis's own key."
  }
}

run "a_bus_keeps_an_archive" {
  command = apply

  module {
    source = "./modules/bus"
  }

  variables {
    archive_days = 30
  }

  assert {
    condition = (
      aws_cloudwatch_event_archive.this[0].retention_days == 30 &&
      aws_cloudwatch_event_archive.this[0].event_source_arn == aws_cloudwatch_event_bus.this.arn
    )
    error_message = "The archive keeps other events than the bus's, or for another time."
  }
}

run "a_bus_can_do_without_one" {
  command = plan

  module {
    source = "./modules/bus"
  }

  variables {
    archive_days = 0
  }

  assert {
    condition     = length(aws_cloudwatch_event_archive.this) == 0
    error_message = "There is an archive that nobody declared."
  }
}
