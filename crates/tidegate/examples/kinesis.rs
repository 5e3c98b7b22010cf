//! Stores the newest reading of each sensor from a Kinesis stream.
//!
//! Guarantees:
//!
//! - Readings of one sensor (the partition key) are stored in order.
//! - A reading that comes again, or late, changes nothing.
//! - A record that is not a reading becomes a dead letter, and does not affect other records.

use std::process::ExitCode;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use tidegate::aws::{AwsClients, DynamoDb};
use tidegate::batch::Handled;
use tidegate::each;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::source::Source;

#[derive(Deserialize)]
struct Reading(String, u64, f64); // sensor, number of the reading, degrees Celsius

async fn store(reading: &Reading, table: &str, db: &DynamoDb) -> Result<Handled, Failure> {
    let Reading(sensor, number, celsius) = reading;
    let put = db
        .put_item()
        .table_name(table)
        .item("sensor", AttributeValue::S(sensor.clone()))
        .item("number", AttributeValue::N(number.to_string()))
        .item("celsius", AttributeValue::N(celsius.to_string()))
        // The condition is part of the write, so no reading is applied twice.
        .condition_expression("attribute_not_exists(sensor) OR #number < :number")
        .expression_attribute_names("#number", "number")
        .expression_attribute_values(":number", AttributeValue::N(number.to_string()));
    match put.send().await.map_err(|error| error.into_service_error()) {
        Ok(_) => Ok(Handled::Applied),
        Err(error) if error.is_conditional_check_failed_exception() => Ok(Handled::Duplicate),
        // Transient, or `throttled` if DynamoDB reports it. In that case fewer records run at a
        // time.
        Err(error) => Err(Failure::aws("readings", &error)),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("READINGS_TABLE");
    let build = |aws: &AwsClients| {
        let (db, table) = (aws.dynamodb(), table?);
        Some(each!(16, async move |reading: &Reading, _| store(reading, &table, &db).await))
    };
    function.run(Source::Kinesis, build).await
}
