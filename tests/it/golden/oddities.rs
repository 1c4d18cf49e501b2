//! What of the register of differences can touch a script.

use serde_json::Value;

/// The ids of what may make Kafka Streams differ from its definitions in `script`, which has no
/// model that says which: those that the script is about, or all that its operators and records
/// can meet.
pub(crate) fn of(script: &Value) -> Vec<String> {
    let about = script["ref"].as_str().unwrap_or_default().split(' ');
    let about: Vec<&str> = about.filter(|id| id.starts_with("U-")).collect();
    let known = match about.is_empty() {
        true => met(script),
        false => about,
    };
    known.into_iter().map(str::to_owned).collect()
}

fn met(script: &Value) -> Vec<&'static str> {
    let script = Script(script);
    let conditions = [
        ("cache", script.is_throttled()),
        ("U-5", script.has_window("session")),
        ("U-7", script.has_windows() && script.has_null_values()),
        ("U-8", script.has_window("session") && script.regroups()),
        ("U-10", script.joins_streams()),
        ("U-13", script.has_window("session") && script.has_error()),
        ("U-13", script.has_window("sliding") && script.has_error()),
        ("U-15", script.has_window("sliding")),
        ("U-16", script.has_window("sliding")),
        ("U-19", script.has_window("sliding")),
        ("U-20", script.joins_versions() && script.has_error()),
        ("U-21", script.has_windows() && script.has_error()),
        ("U-25", script.has_windows() && script.regroups()),
    ];
    let met = conditions.into_iter().filter(|(_, is_met)| *is_met);
    met.map(|(id, _)| id).collect()
}

struct Script<'a>(&'a Value);

impl Script<'_> {
    fn ops(&self) -> impl Iterator<Item = &Value> {
        self.0["topology"].as_array().into_iter().flatten()
    }

    fn has_window(&self, kind: &str) -> bool {
        self.ops().any(|op| op["window"]["type"] == kind)
    }

    fn has_windows(&self) -> bool {
        self.ops().any(|op| op["window"].is_object())
    }

    fn has_null_values(&self) -> bool {
        let steps = self.0["steps"].as_array().into_iter().flatten();
        let windows = self.ops().filter(|op| op["window"].is_object()).count();
        // Sessions that merge leave tombstones to what reads them.
        self.has_window("session") && windows > 1
            || steps
                .filter(|step| step.get("pipe").is_some())
                .any(|step| step["value"].is_null())
    }

    /// Whether a table is aggregated.
    fn regroups(&self) -> bool {
        self.ops().any(|op| {
            op["op"] == "aggregate" && !op["window"].is_object() && op["group_by"].is_object()
        })
    }

    fn joins_streams(&self) -> bool {
        self.ops()
            .any(|op| op["op"] == "join" && op["before"].is_i64())
    }

    fn joins_versions(&self) -> bool {
        self.ops().any(|op| op["versioned_history_ms"].is_i64())
    }

    fn has_error(&self) -> bool {
        let steps = self.0["expect"]["steps"].as_array().into_iter().flatten();
        steps.into_iter().any(|step| step["error"].is_string())
    }

    /// Whether results are held back by the clock or a cache.
    fn is_throttled(&self) -> bool {
        let config = &self.0["config"];
        let number = |name: &str| config[name].as_i64().unwrap_or(0);
        number("emit_interval_ms") > 0 || number("cache_bytes") > 0
    }
}
