//! Tests parameters and secrets with a server that answers as the extension does.

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::failure::Class;
use crate::test::ParameterServer;

const HOUR: Duration = Duration::from_secs(3600);

fn server() -> ParameterServer {
    ParameterServer::start().unwrap()
}

/// Returns a reader that asks each time.
fn asking(server: &ParameterServer, stale: Duration) -> Parameters {
    server.parameters().keep(Duration::ZERO, stale)
}

#[derive(Debug, PartialEq, Deserialize)]
struct Limits {
    cents: u64,
}

#[tokio::test]
async fn each_kind_of_value_is_asked_for_in_its_own_way() {
    let server = server();
    server.parameter("/shop/ä b&c", "plain");
    server.parameter("/shop/limits", r#"{"cents":100}"#);
    server.secret("arn:aws:secretsmanager:eu-west-1:0:secret:key", r#"{"cents":7}"#);
    let parameters = server.parameters();
    assert_eq!(&*parameters.get("/shop/ä b&c").await.unwrap(), "plain");
    assert_eq!(parameters.json::<Limits>("/shop/limits").await, Ok(Limits { cents: 100 }));
    assert_eq!(parameters.secure("/shop/limits").await.unwrap().expose(), r#"{"cents":100}"#);
    let secret = parameters.secret("arn:aws:secretsmanager:eu-west-1:0:secret:key").await.unwrap();
    assert_eq!(secret.json::<Limits>(), Ok(Limits { cents: 7 }));
    assert_eq!(
        server.requests(),
        [
            "/systemsmanager/parameters/get?name=%2Fshop%2F%C3%A4+b%26c",
            "/systemsmanager/parameters/get?name=%2Fshop%2Flimits",
            "/systemsmanager/parameters/get?name=%2Fshop%2Flimits&withDecryption=true",
            "/secretsmanager/get?secretId=arn%3Aaws%3Asecretsmanager%3Aeu-west-1%3A0%3Asecret%3Akey",
        ]
    );
}

#[tokio::test]
async fn a_fresh_value_is_not_asked_for_again_and_concurrent_records_share_a_request() {
    let server = server();
    server.parameter("a", "1");
    let parameters = server.parameters().keep(HOUR, HOUR);
    let all = futures::future::join_all((0..20).map(|_| parameters.get("a"))).await;
    assert!(all.iter().all(|value| value.as_deref() == Ok("1")));
    server.parameter("a", "2");
    assert_eq!(&*parameters.clone().get("a").await.unwrap(), "1", "clones share the cache");
    assert_eq!(server.requests().len(), 1);
    let asking = asking(&server, HOUR);
    for value in ["3", "4"] {
        server.parameter("a", value);
        assert_eq!(&*asking.get("a").await.unwrap(), value);
    }
}

#[tokio::test]
async fn the_last_value_is_used_while_the_extension_does_not_answer() {
    let server = server();
    server.parameter("a", "1");
    let (patient, strict) = (asking(&server, HOUR), asking(&server, Duration::ZERO));
    for parameters in [&patient, &strict] {
        assert_eq!(&*parameters.get("a").await.unwrap(), "1");
    }
    for failure in [(500, "oops"), (429, ""), (400, "not ready to serve traffic, please wait")] {
        server.fail(Some(failure));
        assert_eq!(&*patient.get("a").await.unwrap(), "1", "{failure:?}");
        assert_eq!(strict.get("a").await.unwrap_err().code(), "parameter_unavailable");
        assert_eq!(patient.get("b").await.unwrap_err().code(), "parameter_unavailable");
    }
    server.fail(None);
    server.parameter("a", "2");
    assert_eq!(&*patient.get("a").await.unwrap(), "2");
    let port = server.port();
    drop(server);
    // The port may be open for the moment that its thread takes to end.
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(&*patient.get("a").await.unwrap(), "2");
    let failure = strict.get("a").await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "parameter_unavailable"));
    assert!(failure.reason().contains("Lambda Extension"), "{failure}");
}

#[tokio::test]
async fn a_value_that_is_removed_or_forbidden_is_forgotten_at_once() {
    let server = server();
    server.secret("key", "1");
    let parameters = asking(&server, HOUR);
    for failure in [None, Some((403, "AccessDeniedException"))] {
        server.secret("key", "1");
        server.fail(None);
        assert_eq!(parameters.secret("key").await.unwrap().expose(), "1");
        server.clear();
        server.fail(failure);
        let refused = parameters.secret("key").await.unwrap_err();
        assert_eq!((refused.class(), refused.code()), (Class::Transient, "parameter_refused"));
        server.fail(Some((500, "")));
        let gone = parameters.secret("key").await.unwrap_err();
        assert_eq!(gone.code(), "parameter_unavailable", "the old value is not used");
    }
}

#[tokio::test]
async fn no_error_and_no_debug_form_shows_a_value_or_the_token() {
    let server = server();
    server.secret("key", r#"{"cents":"hunter2"}"#);
    server.secret("broken", "hunter2");
    server.answer_secret("binary", json!({ "SecretBinary": "aHVudGVyMg==" }));
    server.answer_secret("odd", json!("hunter2"));
    let parameters = server.parameters();
    let mut texts = vec![format!("{parameters:?}")];
    for id in ["key", "broken"] {
        let secret = parameters.secret(id).await.unwrap();
        let failure = secret.json::<Limits>().unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, "parameter_unreadable"));
        texts.extend([format!("{secret:?}"), failure.to_string()]);
    }
    for id in ["binary", "odd"] {
        let failure = parameters.secret(id).await.unwrap_err();
        assert_eq!(failure.code(), "parameter_unreadable");
        texts.push(failure.to_string());
    }
    for text in texts {
        assert!(!text.contains("hunter2") && !text.contains("aHVu"), "{text}");
        assert!(!text.contains("session-token"), "{text}");
    }
}

#[tokio::test]
async fn whoever_does_not_know_the_token_gets_nothing() {
    let server = server();
    server.secret("key", "1");
    let stranger = Parameters::new(server.port(), "guess").unwrap();
    let refused = stranger.secret("key").await.unwrap_err();
    assert!(refused.reason().contains("answered 401: the token is wrong"), "{refused}");
    assert!(Parameters::new(1, "a\nb").is_none());
}

#[test]
fn the_port_is_that_of_the_extensions_own_variable() {
    let read = |port: Option<&str>| {
        let port =
            port.map(|port| ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT".to_owned(), port.into()));
        let mut settings = Settings::from_variables(port);
        let parameters = Parameters::from_settings(&mut settings);
        settings.finish(|| parameters).map(|parameters| parameters.0.extension.port())
    };
    assert_eq!(read(None).unwrap(), 2773);
    assert_eq!(read(Some("4000")).unwrap(), 4000);
    for wrong in ["0", "65536", "x"] {
        assert!(read(Some(wrong)).unwrap_err().to_string().contains("HTTP_PORT"), "{wrong}");
    }
}
