//! IncrementalAlterConfigs: single settings of a topic (KIP-339).

use crate::broker::api::Call;
use crate::broker::api::alter_configs::Mode;
use crate::broker::api::alter_configs::change_topic;
use crate::broker::api::alter_configs::told;
use crate::broker::api::text;
use crate::broker::setting::SettingError;
use crate::broker::setting::TopicSettings;
use crate::protocol::message::incremental_alter_configs::AlterConfigsResource;
use crate::protocol::message::incremental_alter_configs::AlterConfigsResourceResponse;
use crate::protocol::message::incremental_alter_configs::IncrementalAlterConfigsRequest;
use crate::protocol::message::incremental_alter_configs::IncrementalAlterConfigsResponse;

/// `config_operation`.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) fn answer(
    call: &Call<'_>,
    request: IncrementalAlterConfigsRequest<'_>,
) -> IncrementalAlterConfigsResponse<'static> {
    let mode = Mode::of(request.validate_only);
    let responses = request.resources.iter().map(|resource| {
        let outcome = change_topic(
            call,
            resource.resource_type,
            &resource.resource_name,
            mode,
            |settings| change(settings, resource),
        );
        let (error, message) = told(outcome);
        AlterConfigsResourceResponse {
            error_code: error.0,
            error_message: message.map(text),
            resource_type: resource.resource_type,
            resource_name: text(resource.resource_name.as_ref()),
        }
    });
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

fn change(
    settings: &mut TopicSettings,
    resource: &AlterConfigsResource<'_>,
) -> Result<(), SettingError> {
    for config in &resource.configs {
        let (name, value) = (&config.name, config.value.as_deref().unwrap_or_default());
        match config.config_operation {
            SET => settings.set(name, value)?,
            DELETE => settings.unset(name)?,
            APPEND => settings.append(name, value)?,
            SUBTRACT => settings.subtract(name, value)?,
            operation => return Err(SettingError::Operation(operation)),
        }
    }
    Ok(())
}
