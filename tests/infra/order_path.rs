//! Tests the path from `terraform apply` to an e-mail, and the deletion of everything.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::differences::{as_planned, changes};
use crate::inventory::inventory;
use crate::programs::{repository, shown};
use crate::wait::{say, timed, until};

const IMPORTER: &str = "importer";

/// Kinds of resources that this environment does not declare.
const UNUSED: [(&str, &str); 3] = [
    ("keys", "data is encrypted with AWS's own keys unless customer_managed_key is set"),
    ("policies", "a role's policy is part of the role"),
    ("users", "nobody but functions has an identity in infra/"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_terraform_creates_takes_orders_to_read_model_and_mail_replans_clean_and_goes_without_a_trace()
 {
    let system = Deployment::apply().await;
    let file = repository().join("events/invoices/online-retail-sample.csv.gz");
    let file = file.to_str().unwrap();

    // The policy of a producer, plus the tables that `shop check` reads.
    let mut statements = system.policy("producer_policy").await;
    statements.push(json!({
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"],
        "Resource": ["arn:aws:dynamodb:*:*:table/order-view", "arn:aws:dynamodb:*:*:table/sales"],
    }));
    let statements = Value::Array(statements);
    let importer = system.create_user(IMPORTER, &statements).await;
    let imported = system.shop(&importer, &["import", "online-retail", file, "--json"]).await;
    assert!(imported.status.success(), "{}", shown(&imported));
    let imported: Value = serde_json::from_slice(&imported.stdout).expect("JSON");
    let orders = imported["orders"].as_u64().unwrap() + imported["returns"].as_u64().unwrap();
    let read_model = until("the read model is complete", async || {
        let check = system.shop(&importer, &["check", file]).await;
        if check.status.success() { Ok(shown(&check)) } else { Err(shown(&check)) }
    });
    let read_model = timed("orders in the read model", read_model).await;
    say(&format!("{orders} orders and returns imported; shop check says: {}", read_model.trim()));

    let confirmed = timed("e-mails sent", confirmed(&system)).await;
    say(&format!("{confirmed} e-mails, one for each placed order of a customer"));
    let malformed = imported["raw_lines"].as_u64().unwrap() as usize;
    assert!(malformed > 0, "the sample has malformed lines");
    let letters = until("a dead letter of each malformed line", async || {
        let letters = system.messages("dead-letters").await;
        if letters.len() == malformed {
            Ok(letters)
        } else {
            Err(format!("{} letters", letters.len()))
        }
    });
    for letter in letters.await {
        assert_eq!(letter["function"], "order-processor", "{letter:#}");
        assert_eq!(letter["class"], "permanent", "{letter:#}");
    }
    for queue in ["stream-failures", "async-failures", "rule-failures"] {
        assert!(system.messages(queue).await.is_empty(), "{queue} is not empty");
    }
    say(&format!("{malformed} dead letters, one for each malformed line"));
    system.delete_user(IMPORTER, &importer).await;

    let before = inventory(&system).await;
    let empty: Vec<&str> =
        before.iter().filter(|(_, names)| names.is_empty()).map(|(kind, _)| *kind).collect();
    assert_eq!(empty, UNUSED.map(|(kind, _)| kind), "kinds of which there is nothing: {before:#?}");

    let plan = timed("terraform plan", system.terraform.plan()).await;
    let changes = changes(&plan);
    as_planned(&changes);
    say(&format!(
        "{} resources planned again, {} attributes differ as known",
        plan_size(&plan),
        changes.len()
    ));

    timed("terraform destroy", system.destroy()).await;
    let left: BTreeMap<_, _> =
        inventory(&system).await.into_iter().filter(|(_, names)| !names.is_empty()).collect();
    assert!(left.is_empty(), "left after terraform destroy: {left:#?}");
    say(&format!(
        "{} things of {} kinds created and deleted",
        before.values().map(Vec::len).sum::<usize>(),
        before.len() - UNUSED.len()
    ));
}

fn plan_size(plan: &Value) -> usize {
    plan["resource_changes"].as_array().map_or(0, Vec::len)
}

/// Waits until one e-mail confirms each placed order with a customer. Returns the number of
/// e-mails.
async fn confirmed(system: &Deployment) -> usize {
    let placed = system
        .orders()
        .await
        .into_iter()
        .filter(|(_, row)| row["status"] == "placed" && row.contains_key("customer"));
    let expected: Vec<String> = placed.map(|(order, _)| order).collect();
    assert!(expected.len() > 100, "only {} orders to confirm", expected.len());
    until("each order is confirmed once", async || {
        let mut confirmed: Vec<String> = system
            .mail()
            .await
            .into_iter()
            .map(|mail| {
                mail.subject
                    .strip_prefix("Your order ")
                    .unwrap_or_else(|| panic!("{mail:?}"))
                    .to_owned()
            })
            .collect();
        confirmed.sort();
        if confirmed == expected {
            Ok(())
        } else {
            Err(format!("{} of {}", confirmed.len(), expected.len()))
        }
    })
    .await;
    expected.len()
}
