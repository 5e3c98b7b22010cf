//! An engine that runs a part of the declared functions, with other values of their variables.

use bytes::Bytes;
use engine_client::client::EngineClient;
use serde_json::Value;
use tidegate_local::engine::{Engine, Options, Variable};

const DECLARED: &str = r#"
queues = {
  letters = { retention_seconds = 1209600 }
  prints  = { redrive = { queue = "letters", maximum_receives = 5 } }
}
functions = {
  probe = {
    uses        = { PRINTS_URL = { queue = "prints", access = "write" } }
    environment = { PROVIDER_URL = "https://provider.example.com", COLOUR = "blue" }
  }
  printer = { sources = { prints = { queue = "prints", maximum_concurrency = 2 } } }
}
"#;

fn variable(function: &str, name: &str) -> Variable {
    Variable { function: function.into(), name: name.into(), value: "http://127.0.0.1:1".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_named_functions_run_and_a_variable_has_the_value_of_the_options() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = crate::engine::options(dir.path(), DECLARED);
    options.only = vec!["probe".to_owned()];
    options.environment = vec![variable("probe", "PROVIDER_URL")];
    // `printer` has no binary: a whole engine would not start.
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let echo = Bytes::from_static(br#"{"do":"echo"}"#);
    let invoked = client.invoke("probe", echo, None).await.unwrap();
    let seen: Value = serde_json::from_slice(&invoked.payload).unwrap();
    let environment = &seen["environment"];
    assert_eq!(environment["PROVIDER_URL"], "http://127.0.0.1:1", "{seen:#}");
    assert_eq!(environment["COLOUR"], "blue", "what was not named stays");
    // Messages that only the printer would read wait, and the system is idle nevertheless.
    let prints = environment["PRINTS_URL"].as_str().expect("a queue that stays");
    let send = engine.clients().sqs.send_message().queue_url(prints).message_body("{}");
    send.send().await.unwrap();
    let status = crate::engine::idle(&client, "idle", |_| true).await;
    let functions: Vec<&String> = status["functions"].as_object().unwrap().keys().collect();
    assert_eq!(functions, ["probe"]);
    assert_eq!(status["mappings"].as_array().unwrap().len(), 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn names_that_are_not_declared_stop_the_start_with_one_line() {
    let refused = async |change: &dyn Fn(&mut Options)| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = crate::engine::options(dir.path(), DECLARED);
        change(&mut options);
        Engine::start(options).await.expect_err("a refused start").to_string()
    };
    let only = refused(&|options| options.only = vec!["prober".to_owned()]).await;
    assert_eq!(only, "prober is not a function of the topology, which declares printer, probe");
    let of = refused(&|options| options.environment = vec![variable("prober", "COLOUR")]).await;
    assert_eq!(of, only);
    let color = refused(&|options| options.environment = vec![variable("probe", "COLOR")]).await;
    assert_eq!(
        color,
        "probe has no variable COLOR in its environment, which declares COLOUR, PROVIDER_URL"
    );
}
