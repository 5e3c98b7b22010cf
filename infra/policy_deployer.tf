# What a deployment does, on what has the names of this environment. The backend of the state is not in it: whoever keeps the state
# in S3 adds its bucket.

locals {
  # Names of an environment begin with its prefix.
  own     = "${var.name_prefix}*"
  arn_of  = { for service in ["cloudwatch", "dynamodb", "events", "kinesis", "lambda", "logs", "schemas", "sns", "sqs"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account_id}" }
  role_of = "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${local.own}"

  # What the provider does with one kind of thing: to make, read, change, tag and delete it.
  deployer_statements = [
    { Sid = "Functions", Resource = ["${local.arn_of.lambda}:function:${local.own}"], Action = [
      "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
      "lambda:DeleteFunctionEventInvokeConfig", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency",
      "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
      "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource",
      "lambda:UntagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionEventInvokeConfig",
    ] },
    # A mapping has no name of its own; which function it invokes is what can be said.
    { Sid = "Mappings", Resource = ["*"], Action = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
    Condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn_of.lambda}:function:${local.own}" } } },
    # Nor can a mapping's tags be tied to its function.
    { Sid = "MappingTags", Resource = ["${local.arn_of.lambda}:event-source-mapping:*"], Action = ["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"] },
    { Sid = "Roles", Resource = [local.role_of], Action = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy",
    ] },
    # With a boundary, no role can be made, or get a policy, that is not bounded by it.
    merge({ Sid = "RolesWithin", Resource = [local.role_of], Action = concat(["iam:CreateRole", "iam:PutRolePolicy"], var.permissions_boundary_arn == null ? [] : ["iam:PutRolePermissionsBoundary"]) },
    { for key, value in { Condition = { StringEquals = { "iam:PermissionsBoundary" = coalesce(var.permissions_boundary_arn, "-") } } } : key => value if var.permissions_boundary_arn != null }),
    { Sid = "PassRole", Resource = [local.role_of], Action = ["iam:PassRole"], Condition = { StringEquals = { "iam:PassedToService" = "lambda.amazonaws.com" } } },
    { Sid = "Tables", Resource = ["${local.arn_of.dynamodb}:table/${local.own}"], Action = [
      "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
      "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
    ] },
    { Sid = "Streams", Resource = ["${local.arn_of.kinesis}:stream/${local.own}"], Action = [
      "kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:DecreaseStreamRetentionPeriod", "kinesis:DeleteStream", "kinesis:DescribeStreamSummary",
      "kinesis:IncreaseStreamRetentionPeriod", "kinesis:ListShards", "kinesis:ListTagsForStream", "kinesis:RemoveTagsFromStream", "kinesis:StartStreamEncryption",
      "kinesis:StopStreamEncryption", "kinesis:UpdateShardCount", "kinesis:UpdateStreamMode",
    ] },
    { Sid = "Queues", Resource = ["${local.arn_of.sqs}:${local.own}"], Action = [
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue",
    ] },
    { Sid = "Topics", Resource = ["${local.arn_of.sns}:${local.own}"], Action = [
      "sns:CreateTopic", "sns:DeleteTopic", "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource",
      "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource",
    ] },
    { Sid = "Buckets", Resource = ["arn:${local.partition}:s3:::${local.own}"], Action = [
      "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment",
      "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
    ] },
    { Sid = "Buses", Resource = ["${local.arn_of.events}:event-bus/${local.own}", "${local.arn_of.events}:rule/${local.own}", "${local.arn_of.events}:archive/${local.own}"], Action = [
      "events:CreateArchive", "events:CreateEventBus", "events:DeleteArchive", "events:DeleteEventBus", "events:DeleteRule", "events:DescribeArchive",
      "events:DescribeEventBus", "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule", "events:PutRule", "events:PutTargets",
      "events:RemoveTargets", "events:TagResource", "events:UntagResource", "events:UpdateArchive", "events:UpdateEventBus",
    ] },
    { Sid = "Logs", Resource = ["${local.arn_of.logs}:log-group:/aws/lambda/${local.own}"], Action = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DeleteRetentionPolicy", "logs:DescribeMetricFilters", "logs:ListTagsForResource",
      "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
    ] },
    { Sid = "Alarms", Resource = ["${local.arn_of.cloudwatch}:alarm:${local.own}"], Action = [
      "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
    ] },
    # A composite alarm can be made and deleted by whoever may do so with every alarm, and by nobody else.
    { Sid = "CompositeAlarms", Resource = ["*"], Action = ["cloudwatch:DeleteAlarms", "cloudwatch:PutCompositeAlarm"] },
    { Sid = "Dashboards", Resource = ["arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${local.dashboard_name}"], Action = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"] },
  ]

  # What is there with a switch alone.
  deployer_switched = concat(
    [for on in [var.force_destroy] : { Sid = "Objects", Resource = ["arn:${local.partition}:s3:::${local.own}/*"], Action = ["s3:DeleteObject", "s3:DeleteObjectVersion"] } if on],
    [for on in [var.schema_registry] : { Sid = "Schemas", Resource = ["${local.arn_of.schemas}:registry/${local.own}", "${local.arn_of.schemas}:schema/${local.own}"], Action = [
      "schemas:CreateRegistry", "schemas:CreateSchema", "schemas:DeleteRegistry", "schemas:DeleteSchema", "schemas:DescribeRegistry", "schemas:DescribeSchema",
      "schemas:ListTagsForResource", "schemas:TagResource", "schemas:UntagResource", "schemas:UpdateRegistry", "schemas:UpdateSchema",
    ] } if on],
    # The old interface of SES knows no resources.
    [for on in [local.owns_sender && length(local.email_addresses) > 0] : { Sid = "Senders", Resource = ["*"], Action = [
      "ses:DeleteIdentity", "ses:GetIdentityDkimAttributes", "ses:GetIdentityVerificationAttributes", "ses:VerifyDomainDkim", "ses:VerifyDomainIdentity", "ses:VerifyEmailIdentity",
    ] } if on],
    [for on in [var.customer_managed_key] : { Sid = "NewKey", Resource = ["*"], Action = ["kms:CreateKey"], Condition = { StringEquals = { "aws:RequestTag/environment" = var.environment } } } if on],
    # A key is made with its tags; that of another environment, which has others, cannot be made to look like this one's.
    [for on in [var.customer_managed_key] : { Sid = "NewKeyTags", Resource = ["*"], Action = ["kms:TagResource"], Condition = {
      StringEquals         = { "aws:RequestTag/environment" = var.environment }
      StringEqualsIfExists = { "aws:ResourceTag/environment" = var.environment }
    } } if on],
    [for on in [var.customer_managed_key] : { Sid = "OwnKey", Resource = ["arn:${local.partition}:kms:${local.region}:${local.account_id}:key/*"], Action = [
      "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey", "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
    ], Condition = { StringEquals = { "aws:ResourceTag/environment" = var.environment } } } if on],
    [for on in [var.customer_managed_key] : { Sid = "KeyAlias", Resource = ["arn:${local.partition}:kms:${local.region}:${local.account_id}:alias/${local.own}"], Action = ["kms:CreateAlias", "kms:DeleteAlias"] } if on],
    [for key in compact([var.kms_key_arn]) : { Sid = "GivenKey", Resource = [key], Action = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"] }],
    [for vpc in [var.vpc] : { Sid = "Network", Resource = ["*"], Action = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"] } if vpc != null],
  )

  # Lists and descriptions without a resource that a policy could name.
  deployer_lists = { Sid = "Lists", Resource = ["*"], Action = [
    "cloudwatch:DescribeAlarms", "kms:ListAliases", "lambda:GetEventSourceMapping", "lambda:GetLayerVersion", "lambda:ListEventSourceMappings", "logs:DescribeLogGroups",
  ] }

  deployer_policy = { Version = "2012-10-17", Statement = [for statement in concat(local.deployer_statements, local.deployer_switched, [local.deployer_lists]) : merge(statement, { Effect = "Allow" })] }
}
