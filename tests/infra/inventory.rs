//! All resources at the emulator.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Api, elements};
use crate::deployment::Deployment;

/// Returns the names of existing resources, by kind.
///
/// It leaves out AWS's own resources: the default bus and AWS's own keys. A key that waits for its
/// deletion counts as deleted.
pub(crate) async fn inventory(system: &Deployment) -> BTreeMap<&'static str, Vec<String>> {
    let (clients, api) = (&system.clients, &system.api);
    let streams = clients.kinesis.list_streams().send().await.unwrap().stream_names;
    let tables =
        clients.dynamodb.list_tables().send().await.unwrap().table_names.unwrap_or_default();
    let queues = clients.sqs.list_queues().send().await.unwrap().queue_urls.unwrap_or_default();
    let buckets = clients.s3.list_buckets().send().await.unwrap().buckets.unwrap_or_default();
    let buses =
        clients.events.list_event_buses().send().await.unwrap().event_buses.unwrap_or_default();
    let buses: Vec<String> = buses.into_iter().filter_map(|bus| bus.name).collect();
    let mut rules = Vec::new();
    for bus in &buses {
        let found = clients
            .events
            .list_rules()
            .event_bus_name(bus)
            .send()
            .await
            .unwrap()
            .rules
            .unwrap_or_default();
        rules.extend(found.into_iter().filter_map(|rule| rule.name));
    }
    let archives =
        clients.events.list_archives().send().await.unwrap().archives.unwrap_or_default();
    let senders = clients.ses.list_identities().send().await.unwrap().identities;
    BTreeMap::from([
        ("streams", streams),
        ("tables", tables),
        ("queues", queues),
        ("buckets", buckets.into_iter().filter_map(|bucket| bucket.name).collect()),
        ("buses", buses.into_iter().filter(|bus| bus != "default").collect()),
        ("rules", rules),
        ("archives", archives.into_iter().filter_map(|archive| archive.archive_name).collect()),
        ("sender addresses", senders),
        ("functions", rest(api, "/2015-03-31/functions/", "Functions", "FunctionName").await),
        (
            "mappings",
            rest(api, "/2015-03-31/event-source-mappings/", "EventSourceMappings", "UUID").await,
        ),
        ("roles", elements(&api.query("iam", "ListRoles", &[]).await, "RoleName")),
        ("users", elements(&api.query("iam", "ListUsers", &[]).await, "UserName")),
        (
            "policies",
            elements(&api.query("iam", "ListPolicies", &[("Scope", "Local")]).await, "PolicyName"),
        ),
        ("topics", elements(&api.query("sns", "ListTopics", &[]).await, "TopicArn")),
        ("alarms", alarms(api).await),
        (
            "dashboards",
            elements(&api.query("monitoring", "ListDashboards", &[]).await, "DashboardName"),
        ),
        ("log groups", log_groups(api).await),
        ("keys", keys(api).await),
    ])
}

async fn rest(api: &Api, path: &str, list: &str, name: &str) -> Vec<String> {
    let answer = api.get("lambda", path).await.expect("a list");
    names(&answer[list], name)
}

async fn alarms(api: &Api) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["MetricAlarm", "CompositeAlarm"] {
        let parameters = [("AlarmTypes.member.1", kind), ("MaxRecords", "100")];
        found.extend(elements(
            &api.query("monitoring", "DescribeAlarms", &parameters).await,
            "AlarmName",
        ));
    }
    found
}

async fn log_groups(api: &Api) -> Vec<String> {
    let answer = api.json("logs", "Logs_20140328.DescribeLogGroups", &json!({})).await;
    names(&answer["logGroups"], "logGroupName")
}

async fn keys(api: &Api) -> Vec<String> {
    let answer = api.json("kms", "TrentService.ListKeys", &json!({})).await;
    let mut found = Vec::new();
    for id in names(&answer["Keys"], "KeyId") {
        let key = api.json("kms", "TrentService.DescribeKey", &json!({ "KeyId": id })).await;
        let key = &key["KeyMetadata"];
        if key["KeyState"] != "PendingDeletion" && key["KeyManager"] != "AWS" {
            found.push(id);
        }
    }
    found
}

fn names(list: &Value, name: &str) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|entry| entry[name].as_str().expect("a name").to_owned()).collect()
}
