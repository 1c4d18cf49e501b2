//! Pipelines built in Rust against the same ones in files.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use tidemill::pipeline;
use tidemill::pipeline::Outside;
use tidemill::pipeline::Pipeline;
use tidemill::pipeline::explain;
use tidemill::pipeline::testing;
use tidemill::pipeline::testing::Verdict;
use tidemill::stream::builder::Bounds;
use tidemill::stream::builder::Builder;
use tidemill::stream::builder::InWindow;
use tidemill::stream::builder::avg;
use tidemill::stream::builder::avro;
use tidemill::stream::builder::avro_with;
use tidemill::stream::builder::calendar;
use tidemill::stream::builder::count;
use tidemill::stream::builder::count_if;
use tidemill::stream::builder::distinct;
use tidemill::stream::builder::ema;
use tidemill::stream::builder::expr;
use tidemill::stream::builder::field;
use tidemill::stream::builder::hopping;
use tidemill::stream::builder::hours;
use tidemill::stream::builder::json;
use tidemill::stream::builder::last;
use tidemill::stream::builder::mins;
use tidemill::stream::builder::quantile;
use tidemill::stream::builder::rows;
use tidemill::stream::builder::secs;
use tidemill::stream::builder::session;
use tidemill::stream::builder::sides;
use tidemill::stream::builder::sum;
use tidemill::stream::builder::trailing;
use tidemill::stream::builder::tumbling;
use tidemill::stream::builder::unchanged;
use tidemill::stream::builder::within;
use tidemill::stream::driver::TestDriver;
use tidemill::stream::plan::OnError;
use tidemill::stream::plan::Plan;
use tidemill::stream::window::Unit;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines")
}

fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(folder().join(name)).map_err(|error| error.to_string())
}

fn outside() -> Outside<'static> {
    Outside {
        variable: &|_| None,
        file: &read,
    }
}

fn file(name: &str) -> Pipeline {
    let text = read(name).expect("a file");
    pipeline::compile(&text, &outside()).expect("a pipeline")
}

/// The pipeline of the file with `plan` in the place of its own.
fn with(plan: &Plan, file: &Pipeline) -> Pipeline {
    let plan = plan.clone();
    Pipeline {
        plan,
        ..file.clone()
    }
}

fn shop() -> Plan {
    let app = Builder::new("shop");
    app.on_error(OnError::DeadLetter("shop.dead-letters".into()));
    let orders = app.source("orders").avro().idle(secs(30));
    orders
        .event_time(field("ordered_at"))
        .stream()
        .filter(expr(r#"value.status == "paid""#))
        .key_by(field("product"))
        .window(tumbling(mins(1)).grace(secs(30)))
        .aggregate((
            sum(expr("value.price * value.qty")).named("revenue"),
            count().named("orders"),
        ))
        .emit_final()
        .late_to("orders.late")
        .to("revenue-per-minute", avro())
        .named("revenue");
    let logins = app.source("logins").json().idle(secs(30)).stream();
    logins
        .filter(expr(r#"value.event == "login""#))
        .window(tumbling(mins(1)).grace(secs(10)).empty_zero())
        .aggregate((
            count().named("logins"),
            distinct(field("user")).named("users"),
        ))
        .to("logins-per-minute", json())
        .named("logins_per_minute");
    let trades = app.source("trades").idle(secs(30));
    trades
        .event_time(field("ts"))
        .stream()
        .key_by(field("symbol"))
        .window(trailing(mins(5)).every(secs(10)).grace(secs(1)))
        .aggregate((
            last(field("price")).named("last"),
            avg(field("price")).named("sma_5m"),
            ema(field("price"), mins(5)).named("ema_5m"),
        ))
        .to("price-averages", json())
        .named("price_averages");
    let access = app.source("access-log").idle(secs(30));
    access
        .event_time(field("at"))
        .stream()
        .key_by(field("service"))
        .window(hopping(mins(1), secs(10)).grace(secs(5)))
        .aggregate((
            count().named("requests"),
            count_if(expr("value.status >= 500")).named("errors"),
        ))
        .select([
            ("service", expr("key")),
            ("from", expr("window.start")),
            (
                "rate",
                expr("requests == 0 ? 0.0 : double(errors) / double(requests)"),
            ),
            ("requests", expr("requests")),
        ])
        .to("error-rate", json())
        .named("error_rate");
    app.build()
        .unwrap_or_else(|wrong| panic!("{}", wrong.render()))
}

fn flights() -> Plan {
    let app = Builder::new("flights");
    let flights = app.source("flights").stream();
    flights
        .filter(expr("value.dep_delay != null"))
        .key_by(field("carrier"))
        .window(tumbling(hours(1)).grace(hours(1)))
        .aggregate((
            count().named("departures"),
            avg(field("dep_delay")).named("delay"),
            ema(field("dep_delay"), hours(6)).named("delay_so_far"),
        ))
        .late_to("flights.late")
        .to("departures", json());
    let weather = app.source("weather").stream();
    weather
        .filter(expr("value.temp != null"))
        .key_by(field("origin"))
        .window(trailing(hours(24)).every(hours(1)).grace(hours(1)))
        .aggregate((
            count().named("observations"),
            avg(field("temp")).named("temperature"),
        ))
        .to("temperature", json());
    app.build()
        .unwrap_or_else(|wrong| panic!("{}", wrong.render()))
}

/// All of a plan but the texts of programs, which in files are the calls of aggregates, too.
fn without_texts(plan: &Plan) -> String {
    let all = format!("{plan:#?}");
    let lines = all.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("source: \""));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_pipelines_come_to_the_plans_of_their_files() {
    for (plan, name) in [(shop(), "shop.yaml"), (flights(), "flights.yaml")] {
        let file = file(name);
        let built = with(&plan, &file);
        let told = |pipeline| explain::text(&explain::explain(pipeline));
        assert_eq!(told(&built), told(&file), "{name}");
        assert_eq!(without_texts(&built.plan), without_texts(&file.plan));
    }
}

#[test]
fn the_tests_of_the_sample_files_pass_on_the_plans_that_were_built() {
    for (plan, name) in [(shop(), "shop.yaml"), (flights(), "flights.yaml")] {
        let pipeline = with(&plan, &file(name));
        for test in &pipeline.tests {
            let verdict = testing::run(&pipeline, test, &outside()).expect("records");
            assert_eq!(verdict, Verdict::Passed, "{}", test.name.value);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    product: String,
    status: String,
    price: f64,
    qty: u32,
}

fn order(product: &str, price: f64, qty: u32) -> Order {
    Order {
        product: product.to_owned(),
        status: "paid".to_owned(),
        price,
        qty,
    }
}

#[test]
fn closures_and_expressions_give_the_same_results() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    let window = || tumbling(secs(10));
    orders
        .filter(|order: &Order| order.status == "paid")
        .key_by(|order: &Order| order.product.clone())
        .window(window())
        .aggregate((
            sum(|order: &Order| order.price * f64::from(order.qty)).named("revenue"),
            count_if(|order: &Order| order.qty > 1).named("large"),
        ))
        .to("by-closures", json());
    orders
        .filter(expr(r#"value.status == "paid""#))
        .key_by(field("product"))
        .window(window())
        .aggregate((
            sum(expr("value.price * value.qty")).named("revenue"),
            count_if(expr("value.qty > 1")).named("large"),
        ))
        .to("by-expressions", json());
    let mut driver = TestDriver::new(&app.build().expect("right")).expect("right");
    for (number, product) in ["tea", "pie", "tea", "pie", "tea"].into_iter().enumerate() {
        let number = u32::try_from(number).expect("small");
        let order = order(product, 0.5 + f64::from(number), number);
        let at = i64::from(number) * 4_000;
        driver.pipe_json("orders", None, &order, at).expect("piped");
    }
    let by_closures = driver.read_all("by-closures");
    assert_eq!(by_closures.len(), 2);
    assert_eq!(by_closures, driver.read_all("by-expressions"));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Total {
    orders: u32,
    revenue: f64,
}

impl Total {
    fn with(self, order: &Order) -> Self {
        Self {
            orders: self.orders + 1,
            revenue: self.revenue + order.price,
        }
    }

    fn without(self, order: &Order) -> Self {
        Self {
            orders: self.orders - 1,
            revenue: self.revenue - order.price,
        }
    }
}

fn driver(app: &Builder) -> TestDriver {
    let plan = app.build();
    let plan = plan.unwrap_or_else(|wrong| panic!("{}", wrong.render()));
    TestDriver::new(&plan).expect("right")
}

fn pipe(driver: &mut TestDriver, key: &str, order: &Order, at: i64) {
    let piped = driver.pipe_json("orders", Some(key), order, at);
    piped.expect("piped");
}

#[test]
fn closures_reduce_fold_and_concatenate_over_all_time_and_in_windows() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    let dearer = |one: Order, other: Order| if other.price > one.price { other } else { one };
    orders.reduce(dearer).to("dearest", json());
    let window = || orders.window(tumbling(secs(10)));
    window()
        .reduce(dearer)
        .emit_final()
        .to("dearest-in-window", json());
    window()
        .fold(Total::with)
        .emit_every_update()
        .to("totals", json());
    let sessions = orders.window(session(secs(5)));
    sessions
        .concat("+", |order| order.product.clone())
        .emit_final()
        .to("baskets", json());
    let mut driver = driver(&app);
    for (product, price, at) in [
        ("tea", 2.0, 1_000),
        ("pie", 9.0, 2_000),
        ("nut", 1.0, 12_000),
    ] {
        pipe(&mut driver, "c1", &order(product, price, 1), at);
    }
    let dearest = driver.read_all("dearest").pop().expect("a row");
    assert_eq!(dearest.value(), Ok(order("pie", 9.0, 1)));
    let in_window = driver.read_all("dearest-in-window");
    let expected = InWindow {
        key: "c1".to_owned(),
        window: Bounds {
            start: 0,
            end: 10_000,
        },
        value: order("pie", 9.0, 1),
    };
    assert_eq!(in_window.len(), 1, "the next one is open");
    assert_eq!(in_window[0].value(), Ok(expected));
    let totals = driver.read_all("totals");
    let totals = totals.iter().map(|total| total.value::<InWindow<Total>>());
    let totals: Vec<_> = totals
        .map(|total| total.expect("a total").value.orders)
        .collect();
    assert_eq!(totals, [1, 2, 1]);
    let basket: InWindow<String> = driver.read_all("baskets")[0].value().expect("a basket");
    assert_eq!(basket.value, "tea+pie");
}

#[test]
fn a_table_grouped_by_another_key_takes_old_values_back() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>().table();
    let by_product = || orders.group_by(|order: &Order| order.product.clone());
    by_product()
        .fold(Total::with, Total::without)
        .to("by-closures", json());
    by_product()
        .aggregate((
            count().named("orders"),
            sum(field("price")).named("revenue"),
        ))
        .to("by-expressions", json());
    let mut driver = driver(&app);
    pipe(&mut driver, "o1", &order("tea", 2.0, 1), 0);
    pipe(&mut driver, "o2", &order("tea", 3.0, 1), 1);
    pipe(&mut driver, "o1", &order("pie", 4.0, 1), 2);
    let last = |driver: &mut TestDriver, topic: &str, key: &str| {
        let all = driver.read_all(topic);
        let mut of_key = all.into_iter().rev();
        of_key
            .find(|written| written.key().as_deref() == Some(key))
            .and_then(|written| written.value::<Total>().ok())
    };
    let tea = Total {
        orders: 1,
        revenue: 3.0,
    };
    for topic in ["by-closures", "by-expressions"] {
        let rows = driver.rows(topic, "tea").expect("a flow");
        let rows = rows.iter().map(|row| row["revenue"].as_f64());
        assert_eq!(rows.collect::<Vec<_>>(), [Some(3.0)], "{topic}");
        assert_eq!(
            last(&mut driver, topic, "tea"),
            Some(tea.clone()),
            "{topic}"
        );
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Customer {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sale {
    product: String,
    name: Option<String>,
}

fn sale(order: &Order, customer: Option<&Customer>) -> Sale {
    Sale {
        product: order.product.clone(),
        name: customer.map(|customer| customer.name.clone()),
    }
}

#[test]
fn streams_and_tables_join_by_closures() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    let customers = app.source("customers").typed::<Customer>();
    orders
        .left_join_table(&customers.table(), sale)
        .to("sales", json());
    orders
        .join(
            &customers,
            within(secs(1)).grace(secs(1)),
            |order: &Order, customer: &Customer| sale(order, Some(customer)),
        )
        .to("near", json());
    orders
        .table()
        .outer_join(
            &customers.table(),
            |order: Option<&Order>, customer: Option<&Customer>| {
                (order.is_some(), customer.is_some())
            },
        )
        .to("both", json());
    orders
        .table()
        .join_on(
            |order: &Order| order.status.clone(),
            &customers.table(),
            |order: &Order, customer: &Customer| sale(order, Some(customer)),
        )
        .to("by-status", json());
    let mut driver = driver(&app);
    pipe(&mut driver, "c1", &order("tea", 2.0, 1), 0);
    for (key, at) in [("c1", 500), ("paid", 9_000)] {
        let customer = Customer {
            name: "Ada".to_owned(),
        };
        let piped = driver.pipe_json("customers", Some(key), &customer, at);
        piped.expect("piped");
    }
    pipe(&mut driver, "c1", &order("pie", 2.0, 1), 9_001);
    let mut sales = |topic: &str| {
        let all = driver.read_all(topic);
        let all = all.iter().map(|sale| sale.value::<Sale>().expect("a sale"));
        let names = all.map(|sale| (sale.product, sale.name));
        names.collect::<Vec<_>>()
    };
    let (tea, pie, ada) = ("tea".to_owned(), "pie".to_owned(), || {
        Some("Ada".to_owned())
    });
    assert_eq!(sales("sales"), [(tea.clone(), None), (pie.clone(), ada())]);
    assert_eq!(sales("near"), [(tea.clone(), ada())]);
    assert_eq!(sales("by-status"), [(tea, ada()), (pie, ada())]);
    let both = driver.read_all("both");
    let both: Vec<(bool, bool)> = both.iter().map(|row| row.value().expect("two")).collect();
    assert_eq!(
        both,
        [(true, false), (true, true), (false, true), (true, true)]
    );
}

#[test]
fn a_global_table_is_joined_by_any_key() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    let customers = app.source("customers").global_table::<Customer>();
    let by_product = |order: &Order| order.product.clone();
    orders
        .left_join_global(by_product, &customers, sale)
        .to("sales", json());
    orders
        .join_global(field("product"), &customers, sides("order", "customer"))
        .select([("name", expr("customer.name"))])
        .to("names", json());
    let mut driver = driver(&app);
    let customer = Customer {
        name: "Ada".to_owned(),
    };
    let piped = driver.pipe_json("customers", Some("tea"), &customer, 0);
    piped.expect("piped");
    pipe(&mut driver, "c1", &order("tea", 2.0, 1), 1);
    pipe(&mut driver, "c1", &order("pie", 2.0, 1), 2);
    let sales = driver.read_all("sales");
    let names = sales
        .iter()
        .map(|sale| sale.value::<Sale>().expect("a sale").name);
    assert_eq!(names.collect::<Vec<_>>(), [Some("Ada".to_owned()), None]);
    let names = driver.read_all("names");
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].json()["name"], "Ada");
}

#[test]
fn a_branch_is_a_filter_where_nobody_takes_the_other_ways() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    let (large, small) = orders.split(|order: &Order| order.price >= 5.0);
    for (way, topic) in [(&large, "large"), (&small, "small")] {
        way.window(tumbling(secs(10)))
            .aggregate(count())
            .to(topic, json());
    }
    let [tea, pie] = orders.branch([expr(r#"value.product == "tea""#), expr("value.price > 0.0")]);
    tea.merge(&pie).to("merged", json());
    pie.to("pie", unchanged());
    let mut driver = driver(&app);
    for (product, price) in [("tea", 2.0), ("pie", 9.0), ("pie", 1.0), ("tea", 7.0)] {
        pipe(&mut driver, "c1", &order(product, price, 1), 0);
    }
    for (topic, count) in [("large", 2), ("small", 2)] {
        let open = driver.open(topic, "c1").expect("a flow");
        assert_eq!(open[0].json()["count"], count, "{topic}");
    }
    assert_eq!(driver.read_all("merged").len(), 4);
    assert_eq!(driver.read_all("pie").len(), 2);
}

#[test]
fn steps_see_the_key_that_the_steps_before_them_gave() {
    let app = Builder::new("shop");
    let orders = app.source("orders").stream();
    orders.select([("key", expr("key"))]).to("own", json());
    let by_product = orders.key_by(field("product"));
    by_product.select([("key", expr("key"))]).to("new", json());
    by_product.filter(expr(r#"key == "tea""#)).to("tea", json());
    let mut driver = driver(&app);
    pipe(&mut driver, "c1", &order("tea", 2.0, 1), 0);
    pipe(&mut driver, "tea", &order("pie", 2.0, 1), 1);
    assert_eq!(driver.read_all("own")[0].json()["key"], "c1");
    let new = driver.read_all("new");
    assert_eq!(new[0].json()["key"], "tea");
    assert_eq!(new[1].key().as_deref(), Some("pie"));
    let tea = driver.read_all("tea");
    assert_eq!(tea.len(), 1);
    assert_eq!(tea[0].key().as_deref(), Some("tea"));
}

#[test]
fn what_a_flow_writes_may_be_read_on() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    orders
        .distinct(|order: &Order| order.product.clone(), secs(100))
        .map(|order| order.price)
        .through("prices", json())
        .window(tumbling(secs(10)))
        .aggregate(sum(|price: &f64| *price))
        .through("sums", json())
        .filter(expr("value.sum > 2.0"))
        .select([("key", expr("key")), ("sum", field("sum"))])
        .to("large-sums", avro());
    let mut driver = driver(&app);
    for (product, price, at) in [
        ("tea", 2.0, 0),
        ("tea", 5.0, 1),
        ("pie", 1.0, 2),
        ("nut", 0.5, 10_000),
    ] {
        pipe(&mut driver, "c1", &order(product, price, 1), at);
    }
    let sums = driver.read_all("large-sums");
    let sums: Vec<_> = sums.iter().map(|sum| sum.json().clone()).collect();
    assert_eq!(sums, [serde_json::json!({"key": "c1", "sum": 3.0})]);
    assert_eq!(driver.account_of("prices").expect("a flow").filtered, 1);
}

#[test]
fn the_state_of_a_key_is_what_would_come_out() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    orders
        .window(hopping(secs(10), secs(5)))
        .aggregate(count())
        .to("windows", json());
    orders.aggregate(sum(field("price"))).to("sums", json());
    let mut driver = driver(&app);
    pipe(&mut driver, "c1", &order("tea", 2.0, 1), 7_000);
    pipe(&mut driver, "c2", &order("tea", 3.0, 1), 7_000);
    let open = driver.open("windows", "c1").expect("a flow");
    let starts = open
        .iter()
        .map(|open| open.json()["window"]["start"].clone());
    assert_eq!(starts.collect::<Vec<_>>(), [0, 5_000]);
    let open = driver.open("sums", "c2").expect("a flow");
    assert_eq!(open[0].json()["sum"], 3.0);
    assert_eq!(driver.read_all("windows"), [], "looking changes nothing");
    assert_eq!(driver.read_all("sums"), [], "nor does it commit");
    driver.commit().expect("committed");
    assert_eq!(driver.read_all("sums").len(), 2);
    assert!(driver.open("nothing", "c1").is_err());
}

#[test]
fn what_cannot_be_used_stops_the_flow_or_is_put_aside() {
    let broken = |on_error| {
        let app = Builder::new("shop");
        app.on_error(on_error);
        app.source("orders")
            .typed::<Order>()
            .filter(|order: &Order| order.qty > 0)
            .to("large", json());
        let mut driver = driver(&app);
        let piped = driver.pipe_text("orders", Some("c1"), r#"{"product": "tea"}"#, 7);
        (driver, piped)
    };
    let (_, piped) = broken(OnError::Fail);
    let stopped = piped.expect_err("no order").to_string();
    assert!(
        stopped.starts_with("orders, offset 0: where: evaluate closure at "),
        "{stopped}"
    );
    assert!(stopped.ends_with("missing field `status`"), "{stopped}");
    let (mut driver, piped) = broken(OnError::DeadLetter("dead".into()));
    assert_eq!(piped, Ok(()));
    assert_eq!(driver.account().rejected, 1);
    assert_eq!(driver.reasons().len(), 1);
    assert_eq!(
        driver.read("dead").expect("put aside").json()["product"],
        "tea"
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let app = Builder::new("shop");
    let orders = app.source("orders").typed::<Order>();
    orders
        .filter(expr("value.prise > 1"))
        .key_by(expr("[1]"))
        .window(calendar(Unit::Day).zone("Europe/Berlim"))
        .aggregate((sum(field("product")), quantile(field("price"), 2.0)))
        .to("wrong", json());
    orders
        .window(rows(3))
        .reduce(|one, _| one)
        .emit_final()
        .to("wrong", json());
    let schema =
        r#"{"type": "record", "name": "Count", "fields": [{"name": "cuont", "type": "long"}]}"#;
    let counts = orders.aggregate(count());
    counts
        .select([("count", expr("count"))])
        .to("counts", avro_with(schema));
    orders
        .aggregate(count())
        .emit_final()
        .late_to("late")
        .to("orders", json());
    let wrong = app.build().expect_err("wrong");
    let rendered = wrong.render();
    let messages = wrong.mistakes().iter().map(|mistake| &*mistake.message);
    let expected = [
        "Order has no field `prise`",
        "expected a text, a number, a bool or bytes as key, found list(int)",
        "unknown time zone `Europe/Berlim`",
        "`sum` takes a number, not string",
        "a quantile is from 0 to 1",
        "two flows named `wrong`",
        "a closure as aggregate of such windows",
        "Count has a field `cuont` that results do not",
        "Count has no field `count`, which results have",
        "final results without a window",
        "late records where nothing ever is late",
        "a flow that writes into the topic that it reads",
    ];
    assert_eq!(messages.collect::<Vec<_>>(), expected, "{rendered}");
    let prise = "value.prise > 1\n        ^^^^^\n  did you mean `price`?\n";
    assert!(rendered.contains(prise), "{rendered}");
    assert!(
        rendered.contains("did you mean `Europe/Berlin`?"),
        "{rendered}"
    );
    let here = wrong
        .mistakes()
        .iter()
        .all(|mistake| mistake.at.file() == file!());
    assert!(here, "{rendered}");
}

#[test]
fn what_a_file_says_of_emission_and_keys_may_be_said_in_rust_too() {
    let app = Builder::new("shop");
    let orders = app.source("orders").stream();
    let windows = || orders.window(tumbling(mins(1)));
    windows()
        .aggregate(count())
        .emit_updates_every(secs(5))
        .to("updates", json());
    windows()
        .aggregate(count())
        .windowed_keys()
        .to("keys", json());
    let text = "
tidemill: 1
name: shop
sources:
  orders: { topic: orders }
flows:
  updates:
    from: orders
    window: { tumbling: 1m }
    aggregate: { count: count() }
    emit: { updates: 5s }
    to: { topic: updates }
  keys:
    from: orders
    window: { tumbling: 1m }
    aggregate: { count: count() }
    to: { topic: keys, key: windowed }
";
    let file = pipeline::compile(text, &outside()).expect("a pipeline");
    let plan = app.build().expect("right");
    assert_eq!(without_texts(&plan), without_texts(&file.plan));
}
