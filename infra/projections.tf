# Generations of projections: their tables, and what functions may do with them. A generation after
# the first has tables of its own, with the settings of the declared ones.

locals {
  # Tables of a projection that have generations.
  projection_tables = {
    for name, projection in var.projections : name => compact([projection.rows, projection.counters, projection.entries])
  }

  # Declared table => its names in the later generations. Projections share no table.
  later_generations = merge([for name, projection in var.projections : {
    for table in local.projection_tables[name] : table => [
      for number in sort(formatlist("%04d", projection.generations)) : "${table}.g${tonumber(number)}" if tonumber(number) > 1
    ]
  }]...)

  # All tables: the declared ones, and those of later generations.
  tables = merge(
    var.tables,
    merge([for table, later in local.later_generations : { for name in later : name => var.tables[table] }]...),
  )

  # A table with generations => ARNs of all of them. A function has the same access to each.
  generation_arns = {
    for table, later in local.later_generations : table => [for name in concat([table], later) : local.arns.tables[name]]
    if length(later) > 0
  }

  # Projections whose tables a function uses.
  projections_of = {
    for function, tables in local.tables_of_function : function => [
      for name in sort(keys(var.projections)) : name if length(setintersection(local.projection_tables[name], tables)) > 0
    ]
  }

  generation_variables = {
    for function, names in local.projections_of : function => merge(
      {
        for name in names : "TIDEGATE_GENERATIONS_${upper(replace(name, "-", "_"))}" => join(",", [
          for number in sort(formatlist("%04d", var.projections[name].generations)) : tostring(tonumber(number))
        ])
      },
      {
        for name in slice(names, 0, min(1, length(names))) :
        "TIDEGATE_POINTERS_TABLE" => local.names.tables[var.projections[name].pointers]
      },
    )
  }

  generation_statements = {
    for function, names in local.projections_of : function => concat(
      [for pointers in distinct([for name in names : var.projections[name].pointers]) : {
        Sid      = "Pointers"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = local.arns.tables[pointers]
      }],
      # A rebuild walks over the event store and compares whole tables. Only the function of the
      # projection has the code for it.
      [for own in [[for name in names : name if var.projections[name].function == function]] : {
        Sid    = "Rebuild"
        Effect = "Allow"
        Action = ["dynamodb:Scan"]
        Resource = distinct(flatten([for name in own : concat(
          [local.arns.tables[var.projections[name].store]],
          [for table in local.projection_tables[name] : try(local.generation_arns[table], [local.arns.tables[table]])],
        )]))
      } if length(own) > 0],
    )
  }

  # Tables of pointers; operators move them.
  pointer_tables = sort(distinct([for projection in var.projections : projection.pointers]))
}
