//! The whole system, deployed by Terraform into an emulator of its own.

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{SentMail, sent_mail};

use crate::api::{Api, elements};
use crate::emulator::Emulator;
use crate::programs::program;
use crate::terraform::Terraform;
use crate::wait::timed;

/// Name of the policy with the permissions that only the emulator requires.
const EMULATOR_POLICY: &str = "emulator";

/// Permissions that the emulator requires beyond the declared statements: function, statement,
/// reason.
pub(crate) const EMULATOR_GRANTS: [(&str, &str, &str); 1] = [(
    "notification",
    r#"{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}"#,
    "it evaluates SendEmail on `*` instead of the identity, and without the key ses:FromAddress",
)];

/// A deployed system.
pub(crate) struct Deployment {
    pub(crate) terraform: Terraform,
    pub(crate) clients: Clients,
    pub(crate) api: Api,
    pub(crate) emulator: Emulator,
}

/// Access keys of a user.
pub(crate) struct Keys {
    id: String,
    secret: String,
}

impl Deployment {
    /// Starts an emulator and applies `infra/`.
    pub(crate) async fn apply() -> Self {
        let emulator = timed("MiniStack started", Emulator::start()).await;
        let terraform = timed("terraform init", Terraform::new(&emulator.endpoint)).await;
        timed("terraform apply", terraform.apply()).await;
        let (clients, api) = (emulator.clients(), Api::new(&emulator.endpoint));
        for (function, statement, _) in EMULATOR_GRANTS {
            let policy = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
            let parameters = [
                ("RoleName", function),
                ("PolicyName", EMULATOR_POLICY),
                ("PolicyDocument", &policy),
            ];
            api.query("iam", "PutRolePolicy", &parameters).await;
        }
        Self { terraform, clients, api, emulator }
    }

    /// The statements of a policy among the outputs.
    pub(crate) async fn policy(&self, output: &str) -> Vec<Value> {
        let text = self.terraform.output(output).await;
        let policy: Value = serde_json::from_str(text.as_str().expect("text")).expect("a policy");
        policy["Statement"].as_array().expect("statements").clone()
    }

    /// Revokes the additional permissions, and lets Terraform delete everything.
    pub(crate) async fn destroy(&self) {
        for (function, _, _) in EMULATOR_GRANTS {
            let parameters = [("RoleName", function), ("PolicyName", EMULATOR_POLICY)];
            self.api.query("iam", "DeleteRolePolicy", &parameters).await;
        }
        self.terraform.destroy().await;
    }

    /// Creates a user with one policy, like a producer or an operator.
    pub(crate) async fn create_user(&self, name: &str, statements: &Value) -> Keys {
        self.api.query("iam", "CreateUser", &[("UserName", name)]).await;
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let parameters =
            [("UserName", name), ("PolicyName", "own"), ("PolicyDocument", policy.as_str())];
        self.api.query("iam", "PutUserPolicy", &parameters).await;
        let answer = self.api.query("iam", "CreateAccessKey", &[("UserName", name)]).await;
        Keys {
            id: elements(&answer, "AccessKeyId").remove(0),
            secret: elements(&answer, "SecretAccessKey").remove(0),
        }
    }

    pub(crate) async fn delete_user(&self, name: &str, keys: &Keys) {
        self.api
            .query("iam", "DeleteAccessKey", &[("UserName", name), ("AccessKeyId", &keys.id)])
            .await;
        self.api
            .query("iam", "DeleteUserPolicy", &[("UserName", name), ("PolicyName", "own")])
            .await;
        self.api.query("iam", "DeleteUser", &[("UserName", name)]).await;
    }

    /// Runs `shop` with a user's keys.
    pub(crate) async fn shop(&self, keys: &Keys, arguments: &[&str]) -> Output {
        let mut command = program("shop");
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.emulator.endpoint)
            .env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", &keys.id).env("AWS_SECRET_ACCESS_KEY", &keys.secret);
        command.env_remove("AWS_SESSION_TOKEN").env_remove("TIDEGATE_NAME_PREFIX");
        command.output().await.expect("a start of shop")
    }

    pub(crate) async fn mail(&self) -> Vec<SentMail> {
        let sent =
            sent_mail(&self.emulator.endpoint).await.unwrap_or_else(|error| panic!("{error}"));
        sent.expect("a list of what was sent")
    }

    /// Returns the messages of a queue without deleting them.
    pub(crate) async fn messages(&self, queue: &str) -> Vec<Value> {
        let url = self
            .clients
            .sqs
            .get_queue_url()
            .queue_name(queue)
            .send()
            .await
            .expect("a queue")
            .queue_url
            .unwrap();
        let path = format!("/_ministack/sqs/messages?QueueUrl={url}");
        let answer = self.api.get("sqs", &path).await.expect("an answer");
        let regions = answer["messages"].as_object().into_iter().flatten();
        let queues = regions.flat_map(|(_, regions)| regions.as_object().into_iter().flatten());
        let lists = queues.flat_map(|(_, queues)| queues.as_object().into_iter().flatten());
        let messages = lists.flat_map(|(_, messages)| messages.as_array().into_iter().flatten());
        messages
            .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).expect("JSON"))
            .collect()
    }

    /// Returns the rows of the read model by order.
    pub(crate) async fn orders(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut rows =
            self.clients.dynamodb.scan().table_name("order-view").into_paginator().items().send();
        let mut orders = BTreeMap::new();
        while let Some(row) = rows.next().await {
            let row = row.expect("a row");
            let texts = row
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())));
            let texts: BTreeMap<String, String> = texts.collect();
            orders.insert(texts["stream"].trim_start_matches("order#").to_owned(), texts);
        }
        orders
    }
}
