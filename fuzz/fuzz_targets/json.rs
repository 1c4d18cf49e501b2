//! JSON from anybody: the parser and the field walker against serde_json.
//!
//! They accept what it accepts, give what it gives, and what is written of it is what it writes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill::codec::envelope;
use tidemill::codec::format::Format;
use tidemill::codec::json;
use tidemill::codec::projection::Fields;
use tidemill::codec::projection::Path;
use tidemill::codec::projection::Projection;
use tidemill::codec::projection::Root;
use tidemill::record::Value;

/// One walker each: some of these paths hide what others see.
const WANTED: [&[&[&str]]; 3] = [&[&["a"], &["b", "a"]], &[&["a", "b"], &["a"], &["b"]], &[]];

fuzz_target!(|bytes: &[u8]| {
    let _no_panic = envelope::read_line(bytes);
    if bytes.windows(12).any(|window| window == b"$serde_json:") {
        return;
    }
    let judge = serde_json::from_slice::<serde_json::Value>(bytes);
    let parsed = json::parse(bytes);
    assert_eq!(judge.is_ok(), parsed.is_ok(), "{parsed:?}");
    if let (Ok(judge), Ok(parsed)) = (&judge, &parsed) {
        assert_eq!(written(parsed), judge.to_string());
    }
    for paths in WANTED {
        let mut fields = Fields::default();
        for path in paths {
            fields.slot(Path::new(Root::Value, path.iter().copied()));
        }
        let mut projection = Projection::new(Format::Json, Root::Value, &fields);
        let mut slots = vec![None; paths.len()];
        let read = projection.read(Some(bytes), &mut slots);
        assert_eq!(judge.is_ok(), read.is_ok(), "{read:?}");
        let Ok(judge) = &judge else { continue };
        for (path, slot) in paths.iter().zip(&slots) {
            let wanted = path.iter().try_fold(judge, |value, step| value.get(step));
            assert_eq!(slot.as_ref().map(written), wanted.map(ToString::to_string));
        }
    }
});

fn written(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    json::put_value(&mut out, value).expect("what was JSON is JSON");
    String::from_utf8(out).expect("text")
}
