//! AlterConfigs: a topic's settings as a whole.

use crate::broker::api::Call;
use crate::broker::api::describe_configs::TOPIC;
use crate::broker::api::text;
use crate::broker::setting::SettingError;
use crate::broker::setting::TopicSettings;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::alter_configs::AlterConfigsRequest;
use crate::protocol::message::alter_configs::AlterConfigsResource;
use crate::protocol::message::alter_configs::AlterConfigsResourceResponse;
use crate::protocol::message::alter_configs::AlterConfigsResponse;

/// Whether a change is made or only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is made.
    Apply,
    /// It is checked only.
    Validate,
}

impl Mode {
    /// What `validate_only` says.
    pub(super) const fn of(validate_only: bool) -> Self {
        if validate_only {
            Self::Validate
        } else {
            Self::Apply
        }
    }
}

pub(super) fn answer(
    call: &Call<'_>,
    request: AlterConfigsRequest<'_>,
) -> AlterConfigsResponse<'static> {
    let mode = Mode::of(request.validate_only);
    let responses = request.resources.iter().map(|resource| {
        let outcome = change_topic(
            call,
            resource.resource_type,
            &resource.resource_name,
            mode,
            |settings| replace(settings, resource),
        );
        let (error, message) = told(outcome);
        AlterConfigsResourceResponse {
            error_code: error.0,
            error_message: message.map(text),
            resource_type: resource.resource_type,
            resource_name: text(resource.resource_name.as_ref()),
        }
    });
    AlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

fn replace(
    settings: &mut TopicSettings,
    resource: &AlterConfigsResource<'_>,
) -> Result<(), SettingError> {
    *settings = TopicSettings::new();
    for config in &resource.configs {
        if let Some(value) = config.value.as_deref() {
            settings.set(&config.name, value)?;
        }
    }
    Ok(())
}

/// A code and the reason in words.
pub(super) type Refused = (ErrorCode, String);

/// What is told of an outcome.
pub(super) fn told(outcome: Result<(), Refused>) -> (ErrorCode, Option<String>) {
    match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error, message)) => (error, Some(message)),
    }
}

/// Applies `change` to a topic's settings: all of it or nothing.
pub(super) fn change_topic(
    call: &Call<'_>,
    resource_type: i8,
    name: &str,
    mode: Mode,
    change: impl FnOnce(&mut TopicSettings) -> Result<(), SettingError>,
) -> Result<(), Refused> {
    let refused = |error: ErrorCode| (error, error.description().to_owned());
    if resource_type != TOPIC {
        let message = "only topics' settings can be changed".to_owned();
        return Err((ErrorCode::INVALID_REQUEST, message));
    }
    let mut state = call.shared.state();
    let topic = state
        .topics
        .named_mut(name)
        .ok_or_else(|| refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let mut settings = topic.settings.clone();
    change(&mut settings).map_err(|error| (ErrorCode::INVALID_CONFIG, error.to_string()))?;
    if mode == Mode::Apply {
        topic.settings = settings;
        topic.save().map_err(|error| {
            tracing::error!(topic = name, %error, "write settings");
            refused(ErrorCode::KAFKA_STORAGE_ERROR)
        })?;
    }
    Ok(())
}
