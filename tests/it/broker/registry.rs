//! The schema registry, spoken to in plain HTTP/1.1.

use std::path::Path;

use serde_json::Value as Json;
use serde_json::json;
use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn start(dir: Option<&Path>) -> Broker {
    let config = BrokerConfig {
        registry_port: Some(0),
        data_dir: dir.map(Path::to_owned),
        ..BrokerConfig::default()
    };
    Broker::start(config).await.expect("starts")
}

/// One request on a connection of its own: status and JSON.
async fn ask(broker: &Broker, method: &str, path: &str, body: &str) -> (u16, Json) {
    let url = broker.registry_url().expect("a registry");
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("application/vnd.schemaregistry.v1+json"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (
        status.expect("a status"),
        serde_json::from_str(body).expect("JSON"),
    )
}

async fn get(broker: &Broker, path: &str) -> (u16, Json) {
    ask(broker, "GET", path, "").await
}

fn record(fields: &str) -> String {
    let schema = format!(r#"{{"type":"record","name":"Order","fields":[{fields}]}}"#);
    json!({ "schema": schema }).to_string()
}

const ID: &str = r#"{"name":"id","type":"long"}"#;
const ID_AND_DEFAULT: &str = r#"{"name":"id","type":"long"},{"name":"n","type":"int","default":0}"#;
const ID_AND_NO_DEFAULT: &str = r#"{"name":"id","type":"long"},{"name":"n","type":"int"}"#;

async fn register(broker: &Broker, subject: &str, body: &str) -> (u16, Json) {
    let path = format!("/subjects/{subject}/versions");
    ask(broker, "POST", &path, body).await
}

fn code(answer: &(u16, Json)) -> (u16, Option<u64>) {
    (answer.0, answer.1["error_code"].as_u64())
}

#[tokio::test]
async fn the_same_schema_has_one_id_however_it_is_spelt_and_wherever_it_is() {
    let broker = start(None).await;
    let id = json!({ "id": 1 });
    assert_eq!(register(&broker, "a", &record(ID)).await, (200, id.clone()));
    assert_eq!(register(&broker, "a", &record(ID)).await, (200, id.clone()));
    let spaced = record(r#" { "name" : "id" , "type" : "long" } "#);
    assert_eq!(register(&broker, "a", &spaced).await, (200, id.clone()));
    assert_eq!(register(&broker, "b", &record(ID)).await, (200, id));
    assert_eq!(get(&broker, "/subjects/a/versions").await.1, json!([1]));
    let second = register(&broker, "a", &record(ID_AND_DEFAULT)).await;
    assert_eq!(second.1, json!({ "id": 2 }));
    assert_eq!(get(&broker, "/subjects").await.1, json!(["a", "b"]));
    let uses = get(&broker, "/schemas/ids/1/versions").await.1;
    let expected = json!([{"subject": "a", "version": 1}, {"subject": "b", "version": 1}]);
    assert_eq!(uses, expected);
}

#[tokio::test]
async fn a_schema_is_read_by_id_by_version_and_by_itself() {
    let broker = start(None).await;
    register(&broker, "orders-value", &record(ID)).await;
    let (_, by_id) = get(&broker, "/schemas/ids/1?fetchMaxId=false").await;
    let schema = by_id["schema"].as_str().expect("a text").to_owned();
    assert!(by_id.get("schemaType").is_none(), "left out for Avro");
    let expected = json!({"subject": "orders-value", "version": 1, "id": 1, "schema": schema});
    for version in ["1", "latest", "-1"] {
        let path = format!("/subjects/orders-value/versions/{version}");
        assert_eq!(get(&broker, &path).await, (200, expected.clone()));
    }
    let found = ask(&broker, "POST", "/subjects/orders-value", &record(ID)).await;
    assert_eq!(found, (200, expected));
    let text = get(&broker, "/schemas/ids/1/schema").await.1;
    assert_eq!(text.to_string(), schema);
}

#[tokio::test]
async fn what_is_not_there_has_confluents_error_codes() {
    let broker = start(None).await;
    register(&broker, "a", &record(ID)).await;
    for (path, expected) in [
        ("/schemas/ids/9", (404, Some(40403))),
        ("/subjects/x/versions", (404, Some(40401))),
        ("/subjects/x/versions/1", (404, Some(40401))),
        ("/subjects/a/versions/9", (404, Some(40402))),
        ("/subjects/a/versions/0", (422, Some(42202))),
        ("/config/a", (404, Some(40408))),
        ("/mode/a", (404, Some(40409))),
        (
            "/associations/resources/-/t?resourceType=topic",
            (404, Some(404)),
        ),
        ("/nonsense", (404, Some(404))),
    ] {
        assert_eq!(code(&get(&broker, path).await), expected, "{path}");
    }
    let unknown = ask(&broker, "POST", "/subjects/a", &record(ID_AND_DEFAULT)).await;
    assert_eq!(code(&unknown), (404, Some(40403)));
    let invalid = register(&broker, "a", r#"{"schema":"{\"type\":\"nonsense\"}"}"#).await;
    assert_eq!(code(&invalid), (422, Some(42201)));
    let unreadable = register(&broker, "a", "nonsense").await;
    assert_eq!(code(&unreadable).0, 422);
}

#[tokio::test]
async fn an_incompatible_schema_is_refused_until_the_level_allows_it() {
    let broker = start(None).await;
    register(&broker, "a", &record(ID)).await;
    let wrong = record(ID_AND_NO_DEFAULT);
    let refused = register(&broker, "a", &wrong).await;
    assert_eq!(code(&refused), (409, Some(409)));
    let path = "/compatibility/subjects/a/versions/latest?verbose=true";
    let (_, told) = ask(&broker, "POST", path, &wrong).await;
    assert_eq!(told["is_compatible"], json!(false));
    assert!(
        told["messages"][0]
            .as_str()
            .is_some_and(|text| text.contains("/fields/1"))
    );
    let level = r#"{"compatibility":"FORWARD"}"#;
    let put = ask(&broker, "PUT", "/config/a", level).await;
    assert_eq!(put, (200, json!({"compatibility": "FORWARD"})));
    let read = get(&broker, "/config/a").await;
    assert_eq!(read, (200, json!({"compatibilityLevel": "FORWARD"})));
    assert_eq!(
        register(&broker, "a", &wrong).await,
        (200, json!({"id": 2}))
    );
    let bad = ask(&broker, "PUT", "/config", r#"{"compatibility":"SOME"}"#).await;
    assert_eq!(code(&bad), (422, Some(42203)));
    assert_eq!(
        get(&broker, "/config").await.1,
        json!({"compatibilityLevel": "BACKWARD"})
    );
}

#[tokio::test]
async fn subjects_go_softly_first_and_then_for_good() {
    let broker = start(None).await;
    register(&broker, "a", &record(ID)).await;
    let early = ask(&broker, "DELETE", "/subjects/a?permanent=true", "").await;
    assert_eq!(code(&early), (404, Some(40405)));
    let soft = ask(&broker, "DELETE", "/subjects/a", "").await;
    assert_eq!(soft, (200, json!([1])));
    assert_eq!(get(&broker, "/subjects").await.1, json!([]));
    assert_eq!(get(&broker, "/subjects?deleted=true").await.1, json!(["a"]));
    assert_eq!(get(&broker, "/schemas/ids/1").await.0, 200, "readers go on");
    let again = ask(&broker, "DELETE", "/subjects/a", "").await;
    assert_eq!(code(&again), (404, Some(40404)));
    assert_eq!(
        register(&broker, "a", &record(ID)).await.1,
        json!({"id": 1})
    );
    assert_eq!(get(&broker, "/subjects/a/versions").await.1, json!([2]));
    ask(&broker, "DELETE", "/subjects/a", "").await;
    let gone = ask(&broker, "DELETE", "/subjects/a?permanent=true", "").await;
    assert_eq!(gone, (200, json!([1, 2])));
    assert_eq!(get(&broker, "/subjects?deleted=true").await.1, json!([]));
}

#[tokio::test]
async fn the_registry_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(Some(dir.path())).await;
    register(&broker, "a", &record(ID)).await;
    register(&broker, "b", &record(ID_AND_DEFAULT)).await;
    ask(&broker, "PUT", "/config", r#"{"compatibility":"NONE"}"#).await;
    ask(&broker, "DELETE", "/subjects/b", "").await;
    broker.shutdown().await.expect("synced");
    let broker = start(Some(dir.path())).await;
    assert_eq!(get(&broker, "/subjects").await.1, json!(["a"]));
    assert_eq!(
        get(&broker, "/subjects?deleted=true").await.1,
        json!(["a", "b"])
    );
    assert_eq!(
        get(&broker, "/config").await.1,
        json!({"compatibilityLevel": "NONE"})
    );
    let next = register(&broker, "c", &record(ID_AND_NO_DEFAULT)).await;
    assert_eq!(next.1, json!({"id": 3}));
}

#[tokio::test]
async fn a_body_above_one_mebibyte_is_refused() {
    let broker = start(None).await;
    let large = "x".repeat((1 << 20) + 1);
    let refused = register(&broker, "a", &large).await;
    assert_eq!(code(&refused), (413, Some(413)));
}
