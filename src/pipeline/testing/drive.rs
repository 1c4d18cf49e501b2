//! The records of a test through its flow.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::pipeline::testing::given::Given;
use crate::stream::account::Account;
use crate::stream::driver::DriveError;
use crate::stream::driver::TestDriver;
use crate::stream::driver::Written;
use crate::stream::plan::Flow;
use crate::stream::plan::Plan;

/// What came of the records.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The results in the order in which they came out.
    pub(super) results: Vec<Outgoing>,
    pub(super) account: Account,
    /// Why records, or results, could not be used.
    pub(super) reasons: Vec<String>,
    /// Why the flow stopped, if it did.
    pub(super) stopped: Option<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    pub(super) key: Option<String>,
    /// Null is a tombstone.
    pub(super) value: Json,
}

/// Drives `flow` of `plan` over the records of one partition.
pub(super) fn drive(plan: &Plan, flow: &Arc<Flow>, given: &Given) -> Outcome {
    let alone = Plan {
        name: plan.name.clone(),
        flows: vec![Arc::clone(flow)],
    };
    let mut driver = match TestDriver::new(&alone) {
        Ok(driver) => driver,
        Err(error) => {
            return Outcome {
                stopped: Some(error.to_string()),
                ..Outcome::default()
            };
        }
    };
    let stopped = run(&mut driver, given).err().map(why);
    let results = driver.read_all(&flow.sink.topic);
    Outcome {
        results: results.iter().map(outgoing).collect(),
        account: driver.account(),
        reasons: driver.reasons().to_vec(),
        stopped,
    }
}

fn run(driver: &mut TestDriver, given: &Given) -> Result<(), DriveError> {
    given.schemas().for_each(|text| driver.add_schema(text));
    for arrival in &given.arrivals {
        driver.advance_wall_clock(arrival.at.0)?;
        if let Some(record) = &arrival.record {
            driver.pipe(&arrival.topic, record.clone())?;
        }
    }
    driver.commit()
}

/// Why a flow stopped, by the number of the record, as a test counts them.
fn why(error: DriveError) -> String {
    match error {
        DriveError::Stopped { offset, reason, .. } => format!("record {}: {reason}", offset.0 + 1),
        DriveError::Unwritable { reason, .. } => reason,
        error => error.to_string(),
    }
}

fn outgoing(written: &Written) -> Outgoing {
    Outgoing {
        key: written.key(),
        value: written.json().clone(),
    }
}
