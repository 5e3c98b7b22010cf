//! On-failure destinations of a real emulator.

use aws_sdk_eventbridge::types::Target;
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::destination::{
    BucketDestination, BusDestination, Destination, TopicDestination,
};
use uuid::Uuid;

use crate::backend::ministack;

const RECORD: &str = r#"{"version":"1.0","requestContext":{"condition":"RetriesExhausted"}}"#;

async fn queue(clients: &Clients) -> (String, String) {
    let url =
        clients.sqs.create_queue().queue_name("seen").send().await.unwrap().queue_url.unwrap();
    (url, "arn:aws:sqs:us-east-1:000000000000:seen".to_owned())
}

async fn received(clients: &Clients, url: &str) -> Value {
    let answer =
        clients.sqs.receive_message().queue_url(url).wait_time_seconds(10).send().await.unwrap();
    serde_json::from_str(answer.messages()[0].body().unwrap()).unwrap()
}

#[tokio::test]
async fn a_topics_message_is_the_record() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, queue_arn) = queue(clients).await;
    let topic =
        clients.sns.create_topic().name("given-up").send().await.unwrap().topic_arn.unwrap();
    let subscribe = clients.sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue_arn);
    subscribe.send().await.unwrap();
    TopicDestination::new(clients.sns.clone(), &topic).send(RECORD.to_owned()).await.unwrap();
    let notification = received(clients, &url).await;
    assert_eq!(notification["Type"], "Notification");
    assert_eq!(notification["Message"], RECORD);
    let gone = TopicDestination::new(clients.sns.clone(), &format!("{topic}-gone"));
    let error = gone.send(RECORD.to_owned()).await.unwrap_err();
    assert!(error.message.contains("given-up-gone"), "{error}");
}

#[tokio::test]
async fn a_buckets_object_has_the_event_of_a_range_and_a_key_of_lambdas_shape() {
    let backend = ministack().await;
    let s3 = &backend.clients.s3;
    s3.create_bucket().bucket("letters").send().await.unwrap();
    let event = Bytes::from_static(br#"{"Records":[{"n":1}]}"#);
    let of_mapping = BucketDestination::for_mapping(s3.clone(), "letters", Uuid::nil());
    of_mapping.send_range(RECORD.to_owned(), "shardId-000000000007", &event).await.unwrap();
    let of_function = BucketDestination::for_function(s3.clone(), "letters", "mailer");
    of_function.send(RECORD.to_owned()).await.unwrap();
    let listed = s3.list_objects_v2().bucket("letters").send().await.unwrap();
    let mut keys: Vec<&str> =
        listed.contents().iter().map(|object| object.key().unwrap()).collect();
    keys.sort_unstable();
    let prefixes = [
        format!("aws/lambda/{}/shardId-000000000007/", Uuid::nil()),
        "aws/lambda/async/mailer/".to_owned(),
    ];
    let day =
        |key: &str, prefix: &str| key.strip_prefix(prefix).map(|rest| rest.split('/').count());
    assert_eq!(
        keys.iter().zip(&prefixes).map(|(key, prefix)| day(key, prefix)).collect::<Vec<_>>(),
        [Some(4), Some(4)]
    );
    let mut bodies = Vec::new();
    for key in keys {
        let object = s3.get_object().bucket("letters").key(key).send().await.unwrap();
        let body = object.body.collect().await.unwrap().into_bytes();
        bodies.push(serde_json::from_slice::<Value>(&body).unwrap());
    }
    // Exactly the record's own fields and the payload.
    let mut expected: Value = serde_json::from_str(RECORD).unwrap();
    expected["payload"] = json!({"Records": [{"n": 1}]});
    assert_eq!(bodies[0], expected);
    assert_eq!(bodies[1], serde_json::from_str::<Value>(RECORD).unwrap());
}

#[tokio::test]
async fn a_buses_event_comes_from_lambda_with_the_record_as_its_detail() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, queue_arn) = queue(clients).await;
    let bus =
        clients.events.create_event_bus().name("shop").send().await.unwrap().event_bus_arn.unwrap();
    let rule = clients.events.put_rule().name("failed").event_bus_name("shop");
    rule.event_pattern(r#"{"source":["lambda"]}"#).send().await.unwrap();
    let target = Target::builder().id("queue").arn(queue_arn).build().unwrap();
    clients
        .events
        .put_targets()
        .rule("failed")
        .event_bus_name("shop")
        .targets(target)
        .send()
        .await
        .unwrap();
    let function = "arn:aws:lambda:us-east-1:000000000000:function:mailer";
    BusDestination::on_failure(clients.events.clone(), &bus, function)
        .send(RECORD.to_owned())
        .await
        .unwrap();
    let event = received(clients, &url).await;
    let (id, time) = (event["id"].as_str().unwrap(), event["time"].as_str().unwrap());
    assert!(Uuid::parse_str(id).is_ok() && time.parse::<jiff::Timestamp>().is_ok(), "{event}");
    let expected = json!({
        "version": "0",
        "id": id,
        "detail-type": "Lambda Function Invocation Result - Failure",
        "source": "lambda",
        "account": "000000000000",
        "time": time,
        "region": "us-east-1",
        "resources": [format!("{function}:$LATEST"), bus],
        "detail": serde_json::from_str::<Value>(RECORD).unwrap()
    });
    assert_eq!(event, expected);
    BusDestination::on_success(clients.events.clone(), &bus, function)
        .send(RECORD.to_owned())
        .await
        .unwrap();
    let event = received(clients, &url).await;
    assert_eq!(event["detail-type"], "Lambda Function Invocation Result - Success");
}
