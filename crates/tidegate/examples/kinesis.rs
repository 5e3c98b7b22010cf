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
use tidegate::aws::DynamoDb;
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::source::{Delivery, Source};

#[derive(Deserialize)]
struct Reading(String, u64, f64); // sensor, number of the reading, degrees Celsius

struct Readings {
    dynamodb: DynamoDb,
    table: String,
}

impl Decode for Readings {
    type Record = Reading;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Reading, Failure> {
        delivery.json()
    }
}

impl Handler for Readings {
    async fn handle(&self, reading: &Reading, _context: &BatchContext) -> Result<Handled, Failure> {
        let Reading(sensor, number, celsius) = reading;
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("READINGS_TABLE");
    let build = |aws: &tidegate::aws::AwsClients| {
        Some(EachRecord::new(Readings { dynamodb: aws.dynamodb(), table: table? }, 16))
    };
    function.run(Source::Kinesis, build).await
}
