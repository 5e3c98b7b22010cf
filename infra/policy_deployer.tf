# Policy of whoever deploys: what a deployment does to resources with the names of this environment.
# It leaves out the backend of the state; if the state is in S3, add its bucket.

locals {
  # All names of an environment begin with its prefix.
  own       = "${var.name_prefix}*"
  schedules = length(local.declared_groups) > 0
  role_services = concat(
    ["lambda.amazonaws.com"], length(local.rules_with_role) > 0 ? ["events.amazonaws.com"] : [],
    local.schedules ? ["scheduler.amazonaws.com"] : []
  )
  role_of = "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${local.own}"

  # What the provider calls to create, read, change, tag and delete resources of each kind.
  deployer_statements = [
    { Sid = "Functions", Resource = ["${local.arn_prefix.lambda}:function:${local.own}"], Action = [
      "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias",
      "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionEventInvokeConfig",
      "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency",
      "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags",
      "lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:PutFunctionConcurrency",
      "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource",
      "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionEventInvokeConfig",
    ] },
    # A mapping has no name, so the condition names the functions that it may invoke.
    { Sid = "Mappings", Resource = ["*"], Action = [
      "lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping",
      ],
    Condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn_prefix.lambda}:function:${local.own}" } } },
    # There is no such condition for the tags of a mapping.
    {
      Sid      = "MappingTags"
      Resource = ["${local.arn_prefix.lambda}:event-source-mapping:*"]
      Action   = ["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"]
    },
    { Sid = "Roles", Resource = [local.role_of], Action = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
    ] },
    # With a boundary, only roles within it can be created or get a policy.
    merge({
      Sid      = "RolesWithin"
      Resource = [local.role_of]
      Action = concat(
        ["iam:CreateRole", "iam:PutRolePolicy"], var.permissions_boundary_arn == null ? [] : ["iam:PutRolePermissionsBoundary"]
      )
      },
      {
        for key, value in { Condition = { StringEquals = { "iam:PermissionsBoundary" = coalesce(var.permissions_boundary_arn, "-") } } } :
        key => value
        if var.permissions_boundary_arn != null
    }),
    {
      Sid       = "PassRole"
      Resource  = [local.role_of]
      Action    = ["iam:PassRole"]
      Condition = { StringEquals = { "iam:PassedToService" = local.role_services } }
    },
    { Sid = "Tables", Resource = ["${local.arn_prefix.dynamodb}:table/${local.own}"], Action = [
      "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource",
      "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
    ] },
    { Sid = "Streams", Resource = ["${local.arn_prefix.kinesis}:stream/${local.own}"], Action = [
      "kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:DecreaseStreamRetentionPeriod",
      "kinesis:DeleteStream", "kinesis:DescribeStreamSummary", "kinesis:IncreaseStreamRetentionPeriod",
      "kinesis:ListShards", "kinesis:ListTagsForStream", "kinesis:RemoveTagsFromStream",
      "kinesis:StartStreamEncryption", "kinesis:StopStreamEncryption", "kinesis:UpdateShardCount",
      "kinesis:UpdateStreamMode",
    ] },
    { Sid = "Queues", Resource = ["${local.arn_prefix.sqs}:${local.own}"], Action = [
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags",
      "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue",
    ] },
    { Sid = "Topics", Resource = ["${local.arn_prefix.sns}:${local.own}"], Action = [
      "sns:CreateTopic", "sns:DeleteTopic", "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes",
      "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource", "sns:SetSubscriptionAttributes",
      "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource",
    ] },
    { Sid = "Buckets", Resource = ["arn:${local.partition}:s3:::${local.own}"], Action = [
      "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetAccelerateConfiguration",
      "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
      "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
    ] },
    { Sid = "Buses", Resource = [
      "${local.arn_prefix.events}:event-bus/${local.own}", "${local.arn_prefix.events}:rule/${local.own}",
      "${local.arn_prefix.events}:archive/${local.own}",
      ], Action = [
      "events:CreateArchive", "events:CreateEventBus", "events:DeleteArchive", "events:DeleteEventBus",
      "events:DeleteRule", "events:DescribeArchive", "events:DescribeEventBus", "events:DescribeRule",
      "events:ListTagsForResource", "events:ListTargetsByRule", "events:PutRule", "events:PutTargets",
      "events:RemoveTargets", "events:TagResource", "events:UntagResource", "events:UpdateArchive",
      "events:UpdateEventBus",
    ] },
    { Sid = "Logs", Resource = ["${local.arn_prefix.logs}:log-group:/aws/lambda/${local.own}"], Action = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DeleteRetentionPolicy",
      "logs:DescribeMetricFilters", "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy",
      "logs:TagResource", "logs:UntagResource",
    ] },
    { Sid = "Alarms", Resource = ["${local.arn_prefix.cloudwatch}:alarm:${local.own}"], Action = [
      "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource",
      "cloudwatch:UntagResource",
    ] },
    # CloudWatch allows composite alarms only to whoever may create and delete every alarm.
    { Sid = "CompositeAlarms", Resource = ["*"], Action = ["cloudwatch:DeleteAlarms", "cloudwatch:PutCompositeAlarm"] },
    {
      Sid      = "Dashboards"
      Resource = ["arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${local.dashboard_name}"]
      Action   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"]
    },
  ]

  # Resources that exist only if a variable says so.
  deployer_switched = concat(
    # An API has no name in its ARN. A deployer creates only APIs with this environment's tag.
    [for on in [length(var.apis) > 0] : {
      Sid       = "NewApis"
      Resource  = ["arn:${local.partition}:apigateway:${local.region}::/apis"]
      Action    = ["apigateway:POST"]
      Condition = { StringEquals = { "aws:RequestTag/environment" = var.environment } }
    } if on],
    # Routes, integrations and authorizers have no tags that a condition could ask for.
    [for on in [length(var.apis) > 0] : { Sid = "Apis", Resource = [
      "arn:${local.partition}:apigateway:${local.region}::/apis/*",
      "arn:${local.partition}:apigateway:${local.region}::/tags/*",
      ], Action = [
      "apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource",
    ] } if on],
    [for on in [length(var.apis) > 0] : { Sid = "AccessLogs", Resource = [
      "${local.arn_prefix.logs}:log-group:/aws/apigateway/${local.own}"
      ], Action = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DeleteRetentionPolicy",
      "logs:DescribeMetricFilters", "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy",
      "logs:TagResource", "logs:UntagResource",
    ] } if on],
    # With these API Gateway gives itself access to the log, in the name of the deployer.
    [for on in [length(var.apis) > 0] : { Sid = "LogDelivery", Resource = ["*"], Action = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
      "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ] } if on],
    [for on in [anytrue([for function in var.functions : function.url != null])] : {
      Sid      = "FunctionUrls"
      Resource = ["${local.arn_prefix.lambda}:function:${local.own}"]
      Action = [
        "lambda:CreateFunctionUrlConfig", "lambda:DeleteFunctionUrlConfig", "lambda:GetFunctionUrlConfig",
        "lambda:UpdateFunctionUrlConfig",
      ]
    } if on],
    [
      for on in [var.force_destroy] : {
        Sid      = "Objects"
        Resource = ["arn:${local.partition}:s3:::${local.own}/*"]
        Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      } if on
    ],
    [for on in [var.schema_registry] : { Sid = "Schemas", Resource = [
      "${local.arn_prefix.schemas}:registry/${local.own}", "${local.arn_prefix.schemas}:schema/${local.own}"
      ], Action = [
      "schemas:CreateRegistry", "schemas:CreateSchema", "schemas:DeleteRegistry", "schemas:DeleteSchema",
      "schemas:DescribeRegistry", "schemas:DescribeSchema", "schemas:ListTagsForResource", "schemas:TagResource",
      "schemas:UntagResource", "schemas:UpdateRegistry", "schemas:UpdateSchema",
    ] } if on],
    [for on in [local.schedules] : { Sid = "Schedules", Resource = [
      "${local.arn_prefix.scheduler}:schedule/${local.own}/*", "${local.arn_prefix.scheduler}:schedule-group/${local.own}"
      ], Action = [
      "scheduler:CreateSchedule", "scheduler:CreateScheduleGroup", "scheduler:DeleteSchedule",
      "scheduler:DeleteScheduleGroup", "scheduler:GetSchedule", "scheduler:GetScheduleGroup",
      "scheduler:ListTagsForResource", "scheduler:TagResource", "scheduler:UntagResource", "scheduler:UpdateSchedule",
    ] } if on],
    # The old API of SES has no resources to name.
    [for on in [local.owns_sender && length(local.email_addresses) > 0] : { Sid = "Senders", Resource = ["*"], Action = [
      "ses:DeleteIdentity", "ses:GetIdentityDkimAttributes", "ses:GetIdentityVerificationAttributes",
      "ses:VerifyDomainDkim", "ses:VerifyDomainIdentity", "ses:VerifyEmailIdentity",
    ] } if on],
    [
      for on in [var.customer_managed_key] : {
        Sid       = "NewKey"
        Resource  = ["*"]
        Action    = ["kms:CreateKey"]
        Condition = { StringEquals = { "aws:RequestTag/environment" = var.environment } }
      } if on
    ],
    # A key gets its tags when it is created. The second condition keeps a deployer from giving this
    # environment's tags to the key of another one.
    [for on in [var.customer_managed_key] : { Sid = "NewKeyTags", Resource = ["*"], Action = ["kms:TagResource"], Condition = {
      StringEquals         = { "aws:RequestTag/environment" = var.environment }
      StringEqualsIfExists = { "aws:ResourceTag/environment" = var.environment }
    } } if on],
    [for on in [var.customer_managed_key] : { Sid = "OwnKey", Resource = [
      "arn:${local.partition}:kms:${local.region}:${local.account_id}:key/*"
      ], Action = [
      "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey",
      "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
      "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
      "kms:UpdateKeyDescription",
    ], Condition = { StringEquals = { "aws:ResourceTag/environment" = var.environment } } } if on],
    [
      for on in [var.customer_managed_key] : {
        Sid      = "KeyAlias"
        Resource = ["arn:${local.partition}:kms:${local.region}:${local.account_id}:alias/${local.own}"]
        Action   = ["kms:CreateAlias", "kms:DeleteAlias"]
      } if on
    ],
    [
      for key in compact([var.kms_key_arn]) : {
        Sid      = "GivenKey"
        Resource = [key]
        Action   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
      }
    ],
    [
      for vpc in [var.vpc] : {
        Sid = "Network", Resource = ["*"], Action = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
      } if vpc != null
    ],
  )

  # Lists and descriptions, which have no resources to name.
  deployer_lists = { Sid = "Lists", Resource = ["*"], Action = [
    "cloudwatch:DescribeAlarms", "kms:ListAliases", "lambda:GetEventSourceMapping", "lambda:GetLayerVersion",
    "lambda:ListEventSourceMappings", "logs:DescribeLogGroups",
  ] }

  deployer_policy = {
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.deployer_statements, local.deployer_switched, [local.deployer_lists]) :
      merge(statement, { Effect = "Allow" })
    ]
  }
}
