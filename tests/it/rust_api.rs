//! Pipelines written in Rust, on the embedded broker.

use std::collections::BTreeMap;
use std::future::pending;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::json;
use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::client::cluster::Cluster;
use tidemill::record::Offset;
use tidemill::record::Record;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;
use tidemill::runtime::End;
use tidemill::runtime::app::RunOptions;
use tidemill::runtime::run;
use tidemill::stream::builder::Builder;
use tidemill::stream::builder::count;
use tidemill::stream::builder::json;
use tidemill::stream::builder::mins;
use tidemill::stream::builder::sum;
use tidemill::stream::builder::tumbling;
use tidemill::stream::plan::Plan;

use crate::client_suite;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    product: String,
    price: f64,
    qty: u32,
}

/// Revenue per product and the dearest order of each, by closures over two partitions: each takes
/// an internal topic.
fn shop([orders, revenue, dearest]: &[String; 3]) -> Plan {
    let app = Builder::new("shop");
    let orders = app.source(orders).typed::<Order>();
    orders
        .filter(|order: &Order| order.qty > 0)
        .key_by(|order: &Order| order.product.clone())
        .window(tumbling(mins(1)))
        .aggregate((
            sum(|order: &Order| order.price * f64::from(order.qty)).named("revenue"),
            count().named("orders"),
        ))
        .to(revenue, json())
        .named("revenue");
    orders
        .key_by(|order: &Order| order.product.clone())
        .reduce(|one, other| if other.price > one.price { other } else { one })
        .to(dearest, json())
        .named("dearest");
    app.build().expect("right")
}

fn order(shop: &str, product: &str, price: f64, at: i64) -> Record {
    let order = Order {
        product: product.to_owned(),
        price,
        qty: 2,
    };
    Record {
        key: Some(shop.to_owned().into()),
        value: Some(serde_json::to_vec(&order).expect("JSON").into()),
        headers: Vec::new(),
        timestamp: Some(Timestamp(at)),
    }
}

async fn values(cluster: &Cluster, topic: &str, count: usize) -> Vec<Json> {
    let mut fetcher = client_suite::fetcher(cluster);
    fetcher.assign(TopicPartition::new(topic, 0), Offset(0));
    let read = client_suite::read(&mut fetcher, count).await;
    let records = read.into_values().flatten();
    let values = records.map(|(_, record)| record.value.unwrap_or_default());
    let values = values.map(|value| serde_json::from_slice(&value).expect("JSON"));
    values.collect()
}

#[tokio::test]
async fn a_plan_of_the_builder_runs_on_a_cluster_to_the_results_of_its_test() {
    let broker = Broker::start(BrokerConfig::default())
        .await
        .expect("started");
    let config = client_suite::config(&broker.bootstrap());
    let cluster = Cluster::connect(config.clone()).await.expect("connected");
    let topics = [
        client_suite::topic(&cluster, "orders", 2, &[]).await,
        client_suite::topic(&cluster, "revenue", 1, &[]).await,
        client_suite::topic(&cluster, "dearest", 1, &[]).await,
    ];
    let [orders, revenue, dearest] = &topics;
    let east = [
        order("east", "tea", 2.5, 0),
        order("east", "pie", 9.0, 1_000),
        order("east", "tea", 1.0, 60_000),
    ];
    let west = [
        order("west", "tea", 3.0, 500),
        order("west", "pie", 1.0, 60_500),
    ];
    client_suite::write(&cluster, orders, 0, &east).await;
    client_suite::write(&cluster, orders, 1, &west).await;

    let options = RunOptions {
        end: End::AtEnd,
        ..RunOptions::default()
    };
    let counts = run(&shop(&topics), config, options, pending()).await;
    let counts = counts.expect("it ends at the end");
    assert_eq!(counts["dearest"].results(), 5);

    let revenue = values(&cluster, revenue, 2).await;
    let revenue = revenue.iter().map(|result| {
        let product = result["key"].as_str().expect("a key").to_owned();
        (
            product,
            (result["revenue"].clone(), result["orders"].clone()),
        )
    });
    let expected = BTreeMap::from([
        ("tea".to_owned(), (json!(11.0), json!(2))),
        ("pie".to_owned(), (json!(18.0), json!(1))),
    ]);
    assert_eq!(revenue.collect::<BTreeMap<_, _>>(), expected);

    let dearest = values(&cluster, dearest, 5).await;
    let last = |product: &str| {
        let mut of_product = dearest.iter().rev();
        of_product
            .find(|order| order["product"] == product)
            .map(|order| order["price"].clone())
    };
    assert_eq!(last("tea"), Some(json!(3.0)));
    assert_eq!(last("pie"), Some(json!(9.0)));
}
