//! Pipelines written in Rust: a builder that makes the same plan as a pipeline file.
//!
//! A [`Builder`] has sources; what comes of them is a [`Stream`] or a [`Table`]; a flow ends where
//! one is written to a topic. [`Builder::build`] checks everything at once and gives a [`Plan`],
//! which [`crate::stream::driver::TestDriver`] tests in milliseconds without a broker, and
//! [`crate::runtime::app::App`] runs.
//!
//! What is computed of a record is either an expression, the same as in a pipeline file
//! ([`expr`], [`field`]), or a closure over a type of Rust that serde can read ([`Source::typed`]).
//! What closures cost stands with [`Compute`].
//!
//! A stream that is only filtered, keyed and aggregated goes the way that copies nothing; anything
//! else makes a graph of operators ([`crate::stream::graph`]). The built-in aggregates are of what
//! is read from a topic: behind other operators write to one and go on from there
//! ([`Stream::through`]). A builder and its streams stay on the thread that made them; a plan goes
//! anywhere.
//!
//! # Filter and map
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidemill::stream::builder::{Builder, json};
//! use tidemill::stream::driver::TestDriver;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order { product: String, price: f64, qty: u32 }
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Sale { product: String, total: f64 }
//!
//! let app = Builder::new("shop");
//! let orders = app.source("orders").typed::<Order>();
//! orders
//!     .filter(|order: &Order| order.qty > 0)
//!     .map(|order| Sale { product: order.product.clone(), total: order.price * f64::from(order.qty) })
//!     .to("sales", json());
//!
//! let mut driver = TestDriver::new(&app.build()?)?;
//! driver.pipe_json("orders", Some("1"), &Order { product: "tea".into(), price: 2.5, qty: 2 }, 0)?;
//! driver.pipe_json("orders", Some("2"), &Order { product: "pie".into(), price: 9.0, qty: 0 }, 1)?;
//! let sales = driver.read_all("sales");
//! assert_eq!(sales.len(), 1);
//! assert_eq!(sales[0].value::<Sale>()?, Sale { product: "tea".into(), total: 5.0 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A sum in windows, by expressions
//!
//! ```
//! use serde_json::json;
//! use tidemill::stream::builder::{Builder, count, expr, field, json, mins, secs, sum, tumbling};
//! use tidemill::stream::driver::TestDriver;
//!
//! let app = Builder::new("shop");
//! app.source("orders")
//!     .json()
//!     .event_time(field("ordered_at"))
//!     .stream()
//!     .filter(expr(r#"value.status == "paid""#))
//!     .key_by(field("product"))
//!     .window(tumbling(mins(1)).grace(secs(30)))
//!     .aggregate((sum(expr("value.price * value.qty")).named("revenue"), count().named("orders")))
//!     .late_to("orders.late")
//!     .to("revenue-per-minute", json());
//!
//! let mut driver = TestDriver::new(&app.build()?)?;
//! let mut order = |product: &str, price: f64, at: i64| {
//!     let order = json!({"product": product, "status": "paid", "price": price, "qty": 2, "ordered_at": at});
//!     driver.pipe_json("orders", None, &order, at)
//! };
//! order("tea", 2.5, 5_000)?;
//! order("tea", 1.0, 59_999)?;
//! order("pie", 9.0, 90_000)?; // 60_000, the window's end, and the grace of 30 s
//! order("tea", 4.0, 30_000)?; // its window is closed
//! let results = driver.read_all("revenue-per-minute");
//! assert_eq!(results.len(), 1);
//! let revenue = json!({
//!     "key": "tea", "window": {"start": 0, "end": 60_000}, "revenue": 7.0, "orders": 2
//! });
//! assert_eq!(*results[0].json(), revenue);
//! assert_eq!(driver.read_all("orders.late").len(), 1);
//! assert_eq!(driver.account().late, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Logins per minute
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidemill::stream::builder::{Builder, count, distinct, json, mins, secs, tumbling};
//! use tidemill::stream::driver::TestDriver;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Event { event: String, user: String }
//!
//! let app = Builder::new("site");
//! app.source("events")
//!     .idle(secs(30)) // a silent minute closes as well
//!     .typed::<Event>()
//!     .filter(|event: &Event| event.event == "login")
//!     .window(tumbling(mins(1)))
//!     .aggregate((count().named("logins"), distinct(|event: &Event| event.user.clone()).named("users")))
//!     .to("logins-per-minute", json());
//!
//! let mut driver = TestDriver::new(&app.build()?)?;
//! for (user, at) in [("ada", 5_000), ("ada", 20_000), ("bob", 40_000)] {
//!     let login = Event { event: "login".into(), user: user.into() };
//!     driver.pipe_json("events", Some("web"), &login, at)?;
//! }
//! assert_eq!(driver.read_all("logins-per-minute").len(), 0);
//! driver.advance_wall_clock(120_000)?; // nothing comes any more
//! let minute = driver.read("logins-per-minute").expect("one minute");
//! assert_eq!((&minute.json()["logins"], &minute.json()["users"]), (&3.into(), &2.into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Moving averages: simple, running, exponential
//!
//! ```
//! use serde_json::json;
//! use tidemill::stream::builder::{Builder, avg, ema, field, json, mins, secs, trailing};
//! use tidemill::stream::driver::TestDriver;
//!
//! let app = Builder::new("prices");
//! let trades = app.source("trades").stream().key_by(field("symbol"));
//! // The mean of the last five minutes and the one whose weights halve every five, each ten seconds.
//! trades
//!     .window(trailing(mins(5)).every(secs(10)))
//!     .aggregate((avg(field("price")).named("sma"), ema(field("price"), mins(5)).named("ema")))
//!     .to("averages", json());
//! // The mean of all so far, at each trade.
//! trades
//!     .aggregate(avg(field("price")).named("mean"))
//!     .emit_every_update()
//!     .to("running-averages", json());
//!
//! let mut driver = TestDriver::new(&app.build()?)?;
//! for (price, at) in [(10.0, 1_000), (20.0, 2_000), (30.0, 11_000)] {
//!     driver.pipe_json("trades", None, &json!({"symbol": "X", "price": price}), at)?;
//! }
//! let at_10_s = driver.read("averages").expect("stream time is past it");
//! assert_eq!(at_10_s.json()["sma"], 15.0);
//! assert!((at_10_s.json()["ema"].as_f64().unwrap() - 15.005_776).abs() < 1e-6);
//! let means = driver.read_all("running-averages");
//! let means: Vec<_> = means.iter().map(|mean| mean.json()["mean"].clone()).collect();
//! assert_eq!(means, [10.0, 15.0, 20.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A join
//!
//! ```
//! use serde_json::json;
//! use tidemill::stream::builder::{Builder, expr, json, sides};
//! use tidemill::stream::driver::TestDriver;
//!
//! let app = Builder::new("shop");
//! let customers = app.source("customers").stream().table();
//! app.source("orders")
//!     .stream()
//!     .left_join_table(&customers, sides("order", "customer"))
//!     .select([
//!         ("product", expr("order.product")),
//!         ("name", expr("customer == null ? \"?\" : customer.name")),
//!     ])
//!     .to("orders-with-names", json());
//!
//! let mut driver = TestDriver::new(&app.build()?)?;
//! driver.pipe_json("customers", Some("c1"), &json!({"name": "Ada"}), 0)?;
//! driver.pipe_json("orders", Some("c1"), &json!({"product": "tea"}), 1)?;
//! driver.pipe_json("orders", Some("c2"), &json!({"product": "pie"}), 2)?;
//! let orders = driver.read_all("orders-with-names");
//! let orders: Vec<_> = orders.iter().map(|order| order.json().clone()).collect();
//! assert_eq!(orders, [json!({"product": "tea", "name": "Ada"}), json!({"product": "pie", "name": "?"})]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is wrong is told at once
//!
//! ```
//! use tidemill::stream::builder::{Builder, expr, field, json, mins, sum, tumbling};
//! # #[derive(serde::Deserialize)]
//! struct Order { product: String, price: f64 }
//!
//! let app = Builder::new("shop");
//! app.source("orders")
//!     .typed::<Order>()
//!     .filter(expr("value.price"))
//!     .window(tumbling(mins(0)))
//!     .aggregate(sum(field("prise")))
//!     .to("revenue", json());
//! let wrong = app.build().unwrap_err();
//! let messages: Vec<_> = wrong.mistakes().iter().map(|mistake| &*mistake.message).collect();
//! assert_eq!(messages, [
//!     "expected a condition, found double",
//!     "window size must be above 0",
//!     "Order has no field `prise`",
//! ]);
//! assert_eq!(wrong.mistakes()[2].nearest.as_deref(), Some("price"));
//! # let _ = |order: Order| (order.product, order.price);
//! ```

mod aggregate;
mod build;
mod computed;
mod finish;
mod folds;
mod join;
mod joining;
mod lane;
mod mistake;
mod node;
mod piece;
mod results;
mod sink;
mod source;
mod stream;
mod table;
mod time;
mod windowed;
mod windowing;
mod windows;

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

use crate::stream::builder::node::Shared;
use crate::stream::builder::node::Told;
use crate::stream::plan::OnError;
use crate::stream::plan::Plan;

pub use aggregate::{
    Aggregate, Aggregates, avg, collect, count, count_if, distinct, ema, ewma, first, last, max,
    min, quantile, rate, rate_of, stddev, stddev_of_population, sum, top, variance,
    variance_of_population,
};
pub use computed::{Compute, Expression, Test, expr, field};
pub use join::{Inner, Join, Left, Named, Outer, Within, sides, within};
pub use mistake::{BuildError, Mistake};
pub use results::Results;
pub use sink::{Flow, OutputFormat, avro, avro_with, json, unchanged};
pub use source::Source;
pub use stream::Stream;
pub use table::{GlobalTable, Grouped, Table};
pub use time::{days, hours, millis, mins, secs};
pub use windowed::{Bounds, Folded, InWindow, Windowed};
pub use windows::{
    Calendar, Trailing, Window, calendar, hopping, rows, session, sliding, trailing, tumbling,
};

/// The values of a stream of which nothing is known: any JSON. Closures over them decode all of a
/// value; expressions read only the fields that they name.
pub type Dynamic = serde_json::Value;

/// Makes a pipeline: has sources, and remembers which flows were made of them.
#[derive(Debug)]
pub struct Builder {
    told: Shared,
}

impl Builder {
    /// A pipeline named `name`: that is its consumer group, and the beginning of the names of its
    /// internal topics.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            told: Rc::new(RefCell::new(Told {
                name: name.to_owned(),
                on_error: OnError::Fail,
                ends: Vec::new(),
            })),
        }
    }

    /// What happens to records that cannot be used, and to results that cannot be written. Unless
    /// it is said, the pipeline stops at one.
    pub fn on_error(&self, on_error: OnError) {
        self.told.borrow_mut().on_error = on_error;
    }

    /// The topic `topic`, as a source.
    #[track_caller]
    #[must_use]
    pub fn source(&self, topic: &str) -> Source {
        Source::new(Rc::clone(&self.told), topic, Location::caller())
    }

    /// The plan of all flows that were made so far, in their order.
    ///
    /// # Errors
    ///
    /// All that is wrong with them: their author's fault.
    pub fn build(&self) -> Result<Plan, BuildError> {
        build::plan(&self.told.borrow())
    }
}
