//! Reads of tables in DynamoDB, and views of a read model there, keep their contracts.

use std::sync::Arc;

use tidegate::projection::{DynamoDbReadModel, ReadModel, ReadModelTables};
use tidegate::query::{DynamoDbTables, View};
use tidegate_local::provision::provision;

use super::{Tables, unique};

#[path = "../../../crates/tidegate/src/query/tests/contract.rs"]
mod suite;
#[path = "../../../crates/tidegate/src/query/tests/view.rs"]
mod view_suite;

/// Creates tables with indexes, as the engine creates those of a topology.
async fn create(tables: &Tables, declared: &str) {
    let topology = topology::parse(declared).unwrap_or_else(|error| panic!("{error:?}"));
    provision(&tables.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_tables_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    let name = unique("readings").replace('#', "-");
    let declared = format!(
        r#"tables = {{
          {name} = {{
            partition_key = {{ name = "id", type = "S" }}
            sort_key      = {{ name = "n", type = "N" }}
            indexes = {{
              by-customer = {{
                partition_key = {{ name = "customer", type = "S" }}
                sort_key      = {{ name = "day", type = "S" }}
              }}
            }}
          }}
        }}"#
    );
    create(&tables, &declared).await;
    let names = suite::names(&name);
    let client = &tables.clients.dynamodb;
    let put = async |item: serde_json::Value| {
        let item = serde_dynamo::aws_sdk_dynamodb_1::to_item(item).unwrap();
        client.put_item().table_name(&name).set_item(Some(item)).send().await.unwrap();
    };
    suite::contract(&DynamoDbTables::new(client.clone()), &names, put).await;
    tables.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_a_read_model_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let name = unique("view").replace('#', "-");
    let declared = format!(
        r#"tables = {{
          {name} = {{
            partition_key = {{ name = "stream", type = "S" }}
            indexes = {{
              by-customer = {{
                partition_key = {{ name = "customer", type = "S" }}
                sort_key      = {{ name = "at", type = "S" }}
                projection    = "INCLUDE"
                attributes    = ["total", "version", "parked", "parked_code", "parked_reason"]
              }}
            }}
          }}
          {name}-sales = {{
            partition_key = {{ name = "key", type = "S" }}
            sort_key      = {{ name = "slice", type = "N" }}
          }}
        }}"#
    );
    create(&tables, &declared).await;
    let client = &tables.clients.dynamodb;
    let counters = format!("{name}-sales");
    let model = |slice| {
        let names = ReadModelTables { rows: name.clone(), counters: counters.clone(), slice };
        Arc::new(DynamoDbReadModel::new(client.clone(), names)) as Arc<dyn ReadModel>
    };
    let view = View::from_dynamodb(client.clone(), name.as_str(), counters.as_str());
    view_suite::contract(&view_suite::Place { view, model: &model }).await;
    tables.end().await;
}
