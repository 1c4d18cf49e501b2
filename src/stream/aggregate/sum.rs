//! `sum(x)`.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::total::Total;

/// The sum of the numbers seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum(Total);

impl Aggregate for Sum {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        self.0.add(value);
    }

    fn merge(&mut self, (): (), other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        self.0.sum()
    }
}

impl Persist for Sum {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}
