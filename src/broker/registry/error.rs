//! The registry's errors: HTTP status, error code, message.

use crate::codec::avro::compatibility::Incompatibility;
use crate::protocol::error_code::ErrorCode;

/// Why a request was refused, as the client is told: its own fault but for codes from 50001.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct RegistryError {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Confluent's error code.
    pub(crate) code: u32,
    /// The reason in words.
    pub(crate) message: String,
}

impl RegistryError {
    fn new(code: u32, message: impl Into<String>) -> Self {
        // The first three digits of a code are its status.
        let status = if code > 999 { code / 100 } else { code };
        Self {
            status: u16::try_from(status).unwrap_or(500),
            code,
            message: message.into(),
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "HTTP 404 Not Found")
    }

    pub(crate) fn method() -> Self {
        Self::new(405, "HTTP 405 Method Not Allowed")
    }

    pub(crate) fn subject_not_found(subject: &str) -> Self {
        Self::new(40401, format!("Subject '{subject}' not found."))
    }

    pub(crate) fn version_not_found(version: i64) -> Self {
        Self::new(40402, format!("Version {version} not found."))
    }

    pub(crate) fn schema_not_found() -> Self {
        Self::new(40403, "Schema not found")
    }

    pub(crate) fn schema_id_not_found(id: i64) -> Self {
        Self::new(40403, format!("Schema {id} not found"))
    }

    pub(crate) fn subject_soft_deleted(subject: &str) -> Self {
        let message = format!(
            "Subject '{subject}' was soft deleted. Set permanent=true to delete permanently"
        );
        Self::new(40404, message)
    }

    pub(crate) fn subject_not_soft_deleted(subject: &str) -> Self {
        let message =
            format!("Subject '{subject}' was not deleted first before being permanently deleted");
        Self::new(40405, message)
    }

    pub(crate) fn version_soft_deleted(subject: &str, version: i32) -> Self {
        let message = format!(
            "Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently"
        );
        Self::new(40406, message)
    }

    pub(crate) fn version_not_soft_deleted(subject: &str, version: i32) -> Self {
        let message = format!(
            "Subject '{subject}' Version {version} was not deleted first before being permanently deleted"
        );
        Self::new(40407, message)
    }

    pub(crate) fn no_subject_level(subject: &str) -> Self {
        let message =
            format!("Subject '{subject}' does not have subject-level compatibility configured");
        Self::new(40408, message)
    }

    pub(crate) fn no_subject_mode(subject: &str) -> Self {
        let message = format!("Subject '{subject}' does not have subject-level mode configured");
        Self::new(40409, message)
    }

    pub(crate) fn incompatible(subject: &str, reasons: &[Incompatibility]) -> Self {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let message = format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: {}",
            reasons.join("; ")
        );
        Self::new(409, message)
    }

    pub(crate) fn invalid_schema(reason: impl std::fmt::Display) -> Self {
        Self::new(42201, format!("Invalid schema: {reason}"))
    }

    pub(crate) fn invalid_version(version: &str) -> Self {
        let message = format!(
            "The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
        );
        Self::new(42202, message)
    }

    pub(crate) fn invalid_level(level: &str) -> Self {
        let message = format!(
            "Invalid compatibility level '{level}'. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"
        );
        Self::new(42203, message)
    }

    pub(crate) fn invalid_mode(mode: &str) -> Self {
        let message = format!("Mode '{mode}' is not supported here: READWRITE is the only one");
        Self::new(42204, message)
    }

    pub(crate) fn body(reason: impl std::fmt::Display) -> Self {
        Self::new(422, format!("Unreadable request body: {reason}"))
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        Self::new(413, format!("Request body above {bytes_max} bytes"))
    }

    pub(crate) fn store(error: ErrorCode) -> Self {
        let message = format!("Error in the backend data store: {}", error.name());
        Self::new(50001, message)
    }
}
