//! What `explain`, `explain --diff`, `graph` and `help schema` say of pipeline files.

use std::fs;
use std::path::Path;

use tidemill::pipeline::Outside;
use tidemill::pipeline::Pipeline;
use tidemill::pipeline::compile;
use tidemill::pipeline::explain;
use tidemill::pipeline::explain::Change;
use tidemill::pipeline::explain::Cost;
use tidemill::pipeline::graph::Drawing;
use tidemill::pipeline::graph::Graph;

const FILE: &str = r#"
tidemill: 1
name: shop
sources:
  orders: { topic: orders, time: value.at, idle: 30s }
flows:
  revenue:
    from: orders
    where: value.paid
    key: value.product
    window: { tumbling: 1m, grace: 30s }
    aggregate: { revenue: sum(value.price), orders: count() }
    late: { topic: orders.late }
    to: { topic: revenue }
  big:
    from: revenue
    where: value.orders > 10
    to: { topic: big }
on_error: { topic: dead }
"#;

fn compiled(text: &str) -> Pipeline {
    let outside = Outside {
        variable: &|_| None,
        file: &|_| Err("no files here".to_owned()),
    };
    compile(text, &outside).unwrap_or_else(|findings| panic!("{findings}"))
}

#[test]
fn every_default_is_told() {
    let text = explain::text(&explain::explain(&compiled(FILE)));
    for line in [
        "pipeline shop",
        "flow revenue",
        "keys text, values json",
        "up to 1h beyond the wall clock; further ones are rejected",
        "silent for 30s",
        "shop-revenue-repartition, as many partitions as orders; none where that has one",
        "tumbling 1m, grace 30s",
        "[12:00, 12:01) at 12:01:30",
        "revenue = sum(value.price)",
        "by key and window; about ",
        "final: once for each key and window, when it closes",
        "to orders.late, as they were; and counted",
        "go to dead, with the reason in headers",
        "revenue: keys the key as text, values json",
        "exactly once: results, state and offsets are committed together",
        "a silent partition waits for ever",
        "the value unchanged",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
}

#[test]
fn the_records_own_key_by_name_is_no_other_key() {
    for key in ["key", "(key)"] {
        let text = FILE.replace("key: value.product", &format!("key: {key}"));
        let told = explain::text(&explain::explain(&compiled(&text)));
        assert!(told.contains("the record's key"), "{told}");
        assert!(!told.contains("-repartition"), "{told}");
    }
}

fn changed(from: &str, to: &str) -> Vec<Change> {
    let new = FILE.replace(from, to);
    assert_ne!(new, FILE, "{from}");
    explain::changes(&compiled(FILE), &compiled(&new))
}

fn costs(changes: &[Change]) -> Vec<(&str, Cost)> {
    let costs = changes.iter().filter_map(|change| match change {
        Change::Changed { about, cost, .. } => Some((*about, *cost)),
        Change::Added { .. } | Change::Removed { .. } => None,
    });
    costs.collect()
}

#[test]
fn a_change_of_the_file_tells_what_it_costs() {
    let same = explain::changes(&compiled(FILE), &compiled(&FILE.replace("1m,", "60s,")));
    assert_eq!(same, [], "only written otherwise");
    for (from, to, about, cost) in [
        (
            "where: value.paid",
            "where: value.paid2",
            "where",
            Cost::ResultsDiffer,
        ),
        (
            "key: value.product",
            "key: value.shop",
            "key",
            Cost::InternalTopic,
        ),
        ("tumbling: 1m", "tumbling: 2m", "window", Cost::StateRebuilt),
        ("idle: 30s", "idle: 40s", "idle", Cost::Nothing),
        (
            "to: { topic: big }",
            "to: { topic: large }",
            "writes",
            Cost::ReadersAffected,
        ),
        (
            "topic: orders,",
            "topic: orders2,",
            "reads",
            Cost::SourceReadAnew,
        ),
        ("name: shop", "name: store", "group", Cost::Everything),
    ] {
        let changes = changed(from, to);
        assert_eq!(costs(&changes).first(), Some(&(about, cost)), "{changes:?}");
        let rest = costs(&changes);
        let follow = rest
            .iter()
            .skip(1)
            .filter(|(about, _)| !["internal topic", "reads"].contains(about));
        assert!(
            follow.clone().all(|(_, cost)| *cost == Cost::Follows),
            "{rest:?}"
        );
    }
}

#[test]
fn a_renamed_flow_is_one_gone_and_one_new() {
    let changes = changed("  big:\n", "  large:\n");
    let said: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "flow big: gone\n  = leaves nothing behind\n",
            "flow large: new\n  = reads revenue from its beginning where the group has committed nothing there, else from where the other flows stand\n"
        ]
    );
}

#[test]
fn a_graph_as_text_shows_each_topic_that_is_read_and_where_it_goes() {
    let graph = Graph::of(&compiled(FILE));
    assert_eq!(
        graph.draw(Drawing::Text),
        "orders
└─ revenue (where, key)
     through → shop-revenue-repartition
     then    → revenue (tumbling 1m, grace 30s)
             → revenue
     late    → orders.late
     errors  → dead
revenue
└─ big (where)
             → big
     errors  → dead
"
    );
}

#[test]
fn a_graph_for_mermaid_and_graphviz_has_each_topic_once() {
    let graph = Graph::of(&compiled(FILE));
    let mermaid = graph.draw(Drawing::Mermaid);
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert_eq!(mermaid.matches("[(\"revenue\")]").count(), 1, "{mermaid}");
    assert!(mermaid.contains("-. late .->"), "{mermaid}");
    let dot = graph.draw(Drawing::Dot);
    assert!(
        dot.starts_with("digraph \"shop\" {\n") && dot.ends_with("}\n"),
        "{dot}"
    );
    assert_eq!(dot.matches("label=\"dead\"").count(), 1, "{dot}");
    assert!(dot.contains("label=\"big\\nwhere\", shape=box"), "{dot}");
}

/// YAML as JSON, as an editor sees it.
fn yaml(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).expect("YAML")
}

#[test]
fn the_json_schema_takes_the_samples_and_refuses_what_check_refuses() {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("tidemill.json", tidemill::pipeline::json_schema())
        .expect("a resource");
    let schema = compiler
        .compile("tidemill.json", &mut schemas)
        .expect("a schema");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines");
    for entry in fs::read_dir(samples).expect("the samples") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = fs::read_to_string(&path).expect("a sample");
            let value = yaml(&text);
            let valid = schemas.validate(&value, schema);
            valid.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    assert!(schemas.validate(&yaml(FILE), schema).is_ok());
    for (from, to) in [
        ("tumbling", "tumblin"),
        ("from: orders", "form: orders"),
        ("1m,", "1 minute,"),
        ("tidemill: 1", "tidemill: 2"),
        ("topic: dead", "topic: dead letters"),
        ("    to: { topic: big }\n", ""),
    ] {
        let wrong = FILE.replace(from, to);
        assert_ne!(wrong, FILE, "{from}");
        assert!(schemas.validate(&yaml(&wrong), schema).is_err(), "{to}");
    }
}
