# Projections: the tables of their generations, what functions get of them, and the rules of their
# declaration (validations/projections.tftpl).

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

  tables = {
    event-store = {
      partition_key = { name = "stream", type = "S" }
      sort_key      = { name = "version", type = "N" }
      stream_view   = "NEW_IMAGE"
    }
    idempotency = {
      partition_key         = { name = "key", type = "S" }
      ttl_attribute         = "expires_at"
      record_retention_days = 31
    }
    order-view = {
      partition_key = { name = "stream", type = "S" }
      indexes       = { by-customer = { partition_key = { name = "customer", type = "S" } } }
    }
    sales = {
      partition_key = { name = "key", type = "S" }
      sort_key      = { name = "slice", type = "N" }
    }
    projections = { partition_key = { name = "projection", type = "S" } }
    stock       = { partition_key = { name = "stock_code", type = "S" } }
    fulfilment-counters = {
      partition_key = { name = "key", type = "S" }
      sort_key      = { name = "slice", type = "N" }
    }
    journal  = { partition_key = { name = "list", type = "S" }, sort_key = { name = "entry", type = "S" } }
    ledger   = { partition_key = { name = "stream", type = "S" } }
    breakers = { partition_key = { name = "breaker", type = "S" } }
    balances = {
      partition_key = { name = "key", type = "S" }
      sort_key      = { name = "slice", type = "N" }
    }
    fulfilments = {
      partition_key = { name = "stream", type = "S" }
      indexes = {
        by-stuck = {
          partition_key = { name = "process", type = "S" }, sort_key = { name = "stuck_at", type = "N" }, projection = "KEYS_ONLY"
        }
        by-due = {
          partition_key = { name = "process", type = "S" }, sort_key = { name = "due", type = "N" }, projection = "KEYS_ONLY"
        }
      }
    }
  }

  projections = {
    order-view = {
      function    = "order-projection"
      store       = "event-store"
      rows        = "order-view"
      counters    = "sales"
      pointers    = "projections"
      generations = [10, 1, 2]
    }
  }
}

run "a_generation_has_tables_with_the_settings_of_the_first" {
  command = plan

  assert {
    condition = toset(keys(module.table)) == toset(concat(
      keys(var.tables), ["order-view.g2", "order-view.g10", "sales.g2", "sales.g10"],
    ))
    error_message = "There are these tables: ${join(", ", keys(module.table))}."
  }

  assert {
    condition = (
      local.names.tables["order-view.g2"] == "shop-test-order-view.g2" &&
      local.tables["order-view.g2"] == local.tables["order-view"] &&
      local.tables["sales.g10"].sort_key.name == "slice"
    )
    error_message = "A generation differs from the first in more than its name."
  }

  assert {
    condition = (
      local.environments["order-projection"]["TIDEGATE_GENERATIONS_ORDER_VIEW"] == "1,2,10" &&
      local.environments["order-projection"]["TIDEGATE_POINTERS_TABLE"] == "shop-test-projections" &&
      local.environments["order-projection"]["ORDER_VIEW_TABLE"] == "shop-test-order-view"
    )
    error_message = "The projection does not learn its generations."
  }

  assert {
    condition = alltrue([
      for name, variables in local.environments : contains(["order-api", "order-projection"], name) ||
      length([for variable in keys(variables) : variable if can(regex("GENERATIONS|POINTERS", variable))]) == 0
    ])
    error_message = "A function that uses no table of the projection has variables of it."
  }

  assert {
    condition = alltrue([
      for way in ["reads", "writes"] : contains(keys(local.alarms), "table-order-view.g2-${way}-throttled")
    ])
    error_message = "The tables of a generation have no alarms."
  }
}

run "the_function_has_the_same_access_to_every_generation_and_no_more" {
  command = plan

  assert {
    condition = {
      for statement in local.statements["order-projection"] : statement.Sid => [
        for arn in flatten([statement.Resource]) : replace(arn, "/^.*:table[/]shop-test-/", "")
      ] if can(regex("^(UsesOrderView|UsesSales|Pointers|Rebuild)", statement.Sid))
      } == {
      UsesOrderViewTable        = ["order-view", "order-view.g2", "order-view.g10"]
      UsesOrderViewTableIndexes = [for table in ["order-view", "order-view.g2", "order-view.g10"] : "${table}/index/by-customer"]
      UsesSalesTable            = ["sales", "sales.g2", "sales.g10"]
      Pointers                  = ["projections"]
      Rebuild                   = ["event-store", "order-view", "order-view.g2", "order-view.g10", "sales", "sales.g2", "sales.g10"]
    }
    error_message = "Access differs: ${jsonencode(local.statements["order-projection"])}"
  }

  assert {
    condition = {
      for statement in local.statements["order-projection"] : statement.Sid => statement.Action
      if contains(["Pointers", "Rebuild"], statement.Sid)
    } == { Pointers = ["dynamodb:GetItem"], Rebuild = ["dynamodb:Scan"] }
    error_message = "The function may do more with pointers and scans than it needs."
  }

  assert {
    condition = alltrue([
      for name, statements in local.statements : name == "order-projection" ||
      # order-api reads the view, and so the pointer.
      length([
        for statement in statements : statement
        if contains(name == "order-api" ? ["Rebuild"] : ["Pointers", "Rebuild"], statement.Sid)
      ]) == 0
    ])
    error_message = "A function that uses no table of the projection may read pointers."
  }

  assert {
    condition = anytrue([
      for statement in local.operator_policy.Statement : statement.Sid == "Pointers" &&
      jsonencode(statement.Action) == jsonencode(["dynamodb:PutItem"]) && length(statement.Resource) == 1
      ]) && anytrue([
      for statement in local.operator_policy.Statement : statement.Sid == "Tables" &&
      contains(statement.Resource, local.arns.tables["sales.g2"]) && contains(statement.Resource, local.arns.tables["projections"])
    ])
    error_message = "An operator cannot rebuild."
  }
}

run "a_reader_reads_the_pointer_and_every_generation" {
  command = plan

  variables {
    functions = merge(var.functions, {
      order-projection = merge(var.functions["order-projection"], { timeout_seconds = 59 })
      notification = merge(var.functions["notification"], {
        uses = merge(var.functions["notification"].uses, { VIEW = { table = "order-view", access = "read" } })
      })
    })
  }

  assert {
    condition = length([
      for statement in local.statements["notification"] : statement
      if statement.Sid == "UsesView" && length(flatten([statement.Resource])) == 3 || statement.Sid == "Pointers"
    ]) == 2 && local.environments["notification"]["TIDEGATE_GENERATIONS_ORDER_VIEW"] == "1,2,10"
    error_message = "A reader does not reach every generation."
  }

  assert {
    condition     = length([for statement in local.statements["notification"] : statement if statement.Sid == "Rebuild"]) == 0
    error_message = "A reader may scan."
  }
}

run "without_projections_nothing_is_added" {
  command = plan

  variables {
    projections = {}
  }

  assert {
    condition = (
      jsonencode(local.tables) == jsonencode(var.tables) &&
      length([for statement in flatten(values(local.statements)) : statement if contains(["Pointers", "Rebuild"], statement.Sid)]) == 0 &&
      length([for statement in local.operator_policy.Statement : statement if statement.Sid == "Pointers"]) == 0 &&
      !strcontains(join(" ", flatten([for variables in local.environments : keys(variables)])), "GENERATION")
    )
    error_message = "Something is left of projections."
  }
}

run "a_table_of_a_projection_is_declared" {
  command = plan

  variables {
    projections = { order-view = merge(var.projections["order-view"], { counters = "sums" }) }
  }

  expect_failures = [var.projections]
}

run "the_function_of_a_projection_is_declared" {
  command = plan

  variables {
    projections = { order-view = merge(var.projections["order-view"], { function = "order-projections" }) }
  }

  expect_failures = [var.projections]
}

run "generations_are_different_numbers_from_one_on" {
  command = plan

  variables {
    projections = { order-view = merge(var.projections["order-view"], { generations = [1, 1.5] }) }
  }

  expect_failures = [var.projections]
}

run "a_generation_is_declared_once" {
  command = plan

  variables {
    projections = { order-view = merge(var.projections["order-view"], { generations = [1, 2, 1] }) }
  }

  expect_failures = [var.projections]
}

run "the_table_of_pointers_has_their_key" {
  command = plan

  variables {
    projections = { order-view = merge(var.projections["order-view"], { pointers = "idempotency" }) }
  }

  expect_failures = [var.projections]
}

run "one_table_holds_all_pointers" {
  command = plan

  variables {
    tables = merge(var.tables, {
      pointers  = { partition_key = { name = "projection", type = "S" } }
      customers = { partition_key = { name = "stream", type = "S" } }
    })
    projections = merge(var.projections, {
      customers = { function = "order-projection", store = "event-store", rows = "customers", pointers = "pointers" }
    })
  }

  expect_failures = [var.projections]
}

run "projections_share_no_table" {
  command = plan

  variables {
    projections = merge(var.projections, {
      customers = { function = "order-projection", store = "event-store", rows = "order-view", pointers = "projections" }
    })
  }

  expect_failures = [var.projections]
}
