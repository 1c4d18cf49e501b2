//! DescribeConfigs: the settings of topics, and a few of the broker.

use crate::broker::api::Call;
use crate::broker::api::create_topics::SOURCE_DEFAULT;
use crate::broker::api::create_topics::SOURCE_TOPIC;
use crate::broker::api::text;
use crate::broker::setting::Kind;
use crate::broker::setting::SETTINGS;
use crate::broker::setting::Setting;
use crate::broker::setting::TopicSettings;
use crate::broker::state::NODE_ID;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Str;
use crate::protocol::message::describe_configs::DescribeConfigsRequest;
use crate::protocol::message::describe_configs::DescribeConfigsResource;
use crate::protocol::message::describe_configs::DescribeConfigsResourceResult;
use crate::protocol::message::describe_configs::DescribeConfigsResponse;
use crate::protocol::message::describe_configs::DescribeConfigsResult;
use crate::protocol::message::describe_configs::DescribeConfigsSynonym;

/// `resource_type` of a topic.
pub(super) const TOPIC: i8 = 2;
/// `resource_type` of a broker.
pub(super) const BROKER: i8 = 4;
/// `config_source` of what a broker was started with.
const SOURCE_STATIC: i8 = 4;

/// `config_type` as `DescribeConfigsResponse.ConfigType` numbers them.
const TYPE_BOOLEAN: i8 = 1;
const TYPE_STRING: i8 = 2;
const TYPE_INT: i8 = 3;
const TYPE_LONG: i8 = 5;
const TYPE_DOUBLE: i8 = 6;
const TYPE_LIST: i8 = 7;

pub(super) fn answer(
    call: &Call<'_>,
    request: DescribeConfigsRequest<'_>,
) -> DescribeConfigsResponse<'static> {
    let results = request.resources.iter().map(|resource| {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: text(resource.resource_name.as_ref()),
            error_message: None,
            ..Default::default()
        };
        match configs(call, resource) {
            Ok(configs) => {
                result.configs = configs;
                if !request.include_synonyms {
                    result
                        .configs
                        .iter_mut()
                        .for_each(|config| config.synonyms.clear());
                }
            }
            Err(error) => {
                result.error_code = error.0;
                result.error_message = Some(text(error.description()));
            }
        }
        result
    });
    DescribeConfigsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

fn configs(
    call: &Call<'_>,
    resource: &DescribeConfigsResource<'_>,
) -> Result<Vec<DescribeConfigsResourceResult<'static>>, ErrorCode> {
    let wanted = resource.configuration_keys.as_deref();
    match resource.resource_type {
        TOPIC => {
            let state = call.shared.state();
            let topic = state
                .topics
                .named(&resource.resource_name)
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
            let settings = SETTINGS
                .iter()
                .filter(|setting| is_wanted(wanted, setting.name));
            Ok(settings
                .map(|setting| of_topic(setting, &topic.settings))
                .collect())
        }
        BROKER if is_this_broker(&resource.resource_name) => Ok(of_broker(call)
            .into_iter()
            .filter(|config| is_wanted(wanted, &config.name))
            .collect()),
        _ => Err(ErrorCode::INVALID_REQUEST),
    }
}

/// An empty name stands for all brokers.
fn is_this_broker(name: &str) -> bool {
    name.is_empty() || name.parse() == Ok(NODE_ID)
}

/// Without a list all are wanted.
fn is_wanted(wanted: Option<&[Str<'_>]>, name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|key| key == name))
}

fn of_topic(
    setting: &'static Setting,
    settings: &TopicSettings,
) -> DescribeConfigsResourceResult<'static> {
    let synonym = |value: &str, source| DescribeConfigsSynonym {
        name: text(setting.name),
        value: Some(text(value)),
        source,
    };
    let mut synonyms = vec![synonym(setting.default, SOURCE_DEFAULT)];
    let mut source = SOURCE_DEFAULT;
    if settings.is_given(setting.name) {
        synonyms.insert(0, synonym(settings.value(setting.name), SOURCE_TOPIC));
        source = SOURCE_TOPIC;
    }
    DescribeConfigsResourceResult {
        name: text(setting.name),
        value: Some(text(settings.value(setting.name))),
        config_source: source,
        synonyms,
        config_type: config_type(setting.kind),
        documentation: None,
        ..Default::default()
    }
}

const fn config_type(kind: Kind) -> i8 {
    match kind {
        Kind::Number { max, .. } if max <= i32::MAX as i64 => TYPE_INT,
        Kind::Number { .. } => TYPE_LONG,
        Kind::Ratio => TYPE_DOUBLE,
        Kind::Boolean => TYPE_BOOLEAN,
        Kind::Words(_) => TYPE_LIST,
        Kind::Word(_) | Kind::Text => TYPE_STRING,
    }
}

fn of_broker(call: &Call<'_>) -> Vec<DescribeConfigsResourceResult<'static>> {
    let config = &call.shared.config;
    let one = |name: &str, value: String, config_type| DescribeConfigsResourceResult {
        name: text(name),
        value: Some(text(value)),
        read_only: true,
        config_source: SOURCE_STATIC,
        config_type,
        documentation: None,
        ..Default::default()
    };
    vec![
        one("broker.id", NODE_ID.to_string(), TYPE_INT),
        one(
            "auto.create.topics.enable",
            config.creates_topics.to_string(),
            TYPE_BOOLEAN,
        ),
        one("num.partitions", config.partitions.to_string(), TYPE_INT),
        one("default.replication.factor", "1".to_owned(), TYPE_INT),
        one(
            "group.initial.rebalance.delay.ms",
            config.initial_rebalance_delay_ms.to_string(),
            TYPE_INT,
        ),
        one(
            "socket.request.max.bytes",
            config.request_bytes_max.to_string(),
            TYPE_INT,
        ),
    ]
}
