variable "name" {
  type        = string
  description = "Name at S3."
}

variable "arn" {
  type        = string
  description = "ARN, built from the name."
}

variable "expiration_days" {
  type        = number
  description = "Days after which objects expire."
}

variable "expiring_prefixes" {
  type        = list(string)
  description = "Prefixes of the keys of objects that expire. An empty string: all objects. An empty list: none."
  default     = [""]
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the objects; null: S3's own key."
  nullable    = true
}

variable "tls_required" {
  type        = bool
  description = "Whether requests without TLS are denied."
}

variable "force_destroy" {
  type        = bool
  description = "Whether the bucket is deleted with the objects in it."
}

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  # A filter can only include a prefix. If two rules match an object, the shorter time counts.
  dynamic "rule" {
    for_each = var.expiring_prefixes

    content {
      id     = rule.value == "" ? "expire" : "expire ${rule.value}"
      status = "Enabled"

      filter {
        prefix = rule.value == "" ? null : rule.value
      }

      expiration {
        days = var.expiration_days
      }
    }
  }

  rule {
    id     = "clean"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  count = var.tls_required ? 1 : 0

  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [var.arn, "${var.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

output "expiring_prefixes" {
  value       = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix if length(rule.expiration) > 0]
  description = "Prefixes of the keys of objects that expire."
}
