# What an account has or demands already.

mock_provider "aws" {
  source = "./tests/mocks"
}

# As on an emulator, where the declared addresses will do.
variables {
  environment         = "local"
  sender_owner        = "local"
  name_prefix         = "shop-test-"
  placeholder_zip     = "./tests/placeholder.zip"
  deletion_protection = false
}

run "the_rules_of_an_account_are_kept" {
  command = apply

  variables {
    tags                     = { cost-centre = "4711" }
    role_path                = "/shop/"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    kms_key_arn              = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    vpc                      = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition = alltrue([
      for function in module.function :
      function.role.path == "/shop/" && function.role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    ])
    error_message = "A role is outside of the path or of the boundary."
  }

  assert {
    condition = length(aws_kms_key.this) == 0 && local.kms_key_arn == var.kms_key_arn && contains(
      local.statements.order-processor[*].Sid, "Key"
    )
    error_message = "The existing key is not used."
  }

  assert {
    condition = alltrue([
      for function in module.function :
      function.vpc == { subnet_ids = toset(["subnet-1", "subnet-2"]), security_group_ids = toset(["sg-1"]) }
    ])
    error_message = "A function runs outside of the VPC."
  }

  # Lambda makes the interfaces; code that was taken over could make others.
  assert {
    condition = alltrue([for name, statements in local.statements : {
      for statement in statements :
      statement.Sid => [statement.Effect, try(statement.Condition.ArnEquals["lambda:SourceFunctionArn"], "")]
      if startswith(statement.Sid, "Network")
      } == {
      Network          = ["Allow", ""]
      NetworkNotByCode = ["Deny", "arn:aws:lambda:us-east-1:123456789012:function:shop-test-${name}"]
    }])
    error_message = "A function cannot run in the VPC, or its code may change the network."
  }

  assert {
    condition = alltrue([for statement in local.deployer_policy.Statement : statement.Resource == [
      "arn:aws:iam::123456789012:role/shop/shop-test-*"
      ] && (
      statement.Sid != "RolesWithin" || try(
        statement.Condition.StringEquals["iam:PermissionsBoundary"], ""
      ) == "arn:aws:iam::123456789012:policy/boundary"
    ) if contains(["Roles", "RolesWithin", "PassRole"], statement.Sid)])
    error_message = "Whoever deploys may make roles outside of the path or of the boundary."
  }
}

run "no_network_is_touched_without_one" {
  command = plan

  assert {
    condition = !anytrue([
      for name, statements in local.statements : anytrue([for sid in statements[*].Sid : startswith(sid, "Network")])
    ])
    error_message = "A role may change networks although its function runs in none."
  }
}

run "tags_of_the_system_are_its_own" {
  command = plan

  variables {
    tags = { environment = "prod" }
  }

  expect_failures = [var.tags]
}

run "tags_are_no_longer_than_aws_takes" {
  command = plan

  variables {
    tags = { cost-centre = format("%257s", "") }
  }

  expect_failures = [var.tags]
}

run "a_path_ends_with_a_slash" {
  command = plan

  variables {
    role_path = "/shop"
  }

  expect_failures = [var.role_path]
}

run "a_boundary_is_a_policy" {
  command = plan

  variables {
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}

run "a_key_is_no_alias" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/data"
  }

  expect_failures = [var.kms_key_arn]
}

run "data_has_one_key" {
  command = plan

  variables {
    customer_managed_key = true
    kms_key_arn          = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_vpc_has_subnets_and_groups" {
  command = plan

  variables {
    vpc = { subnet_ids = ["subnet-1"], security_group_ids = [] }
  }

  expect_failures = [var.vpc]
}

run "pages_go_to_a_topic" {
  command = plan

  variables {
    page_topic_arn = "oncall"
  }

  expect_failures = [var.page_topic_arn]
}

run "tickets_go_to_a_topic" {
  command = plan

  variables {
    ticket_topic_arn = "arn:aws:sqs:us-east-1:123456789012:tickets"
  }

  expect_failures = [var.ticket_topic_arn]
}
