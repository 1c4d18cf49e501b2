//! Settings of topics and brokers, as the cluster holds them.

use crate::client::admin::Admin;
use crate::client::admin::Change;
use crate::client::admin::missing;
use crate::client::call::CallError;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::connection::Reply;
use crate::protocol::message::describe_configs::DescribeConfigsRequest;
use crate::protocol::message::describe_configs::DescribeConfigsResource;
use crate::protocol::message::describe_configs::DescribeConfigsResourceResult;
use crate::protocol::message::describe_configs::DescribeConfigsResponse;
use crate::protocol::message::incremental_alter_configs::AlterConfigsResource;
use crate::protocol::message::incremental_alter_configs::AlterableConfig;
use crate::protocol::message::incremental_alter_configs::IncrementalAlterConfigsRequest;
use crate::protocol::message::incremental_alter_configs::IncrementalAlterConfigsResponse;

/// What settings belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// A broker, by node id.
    Broker(i32),
}

/// One setting of a topic or broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceConfig {
    /// Its name.
    pub name: String,
    /// Its value; `None` for secrets and for what is not set at all.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed.
    pub is_read_only: bool,
    /// Whether it is a secret.
    pub is_sensitive: bool,
}

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the broker or for all brokers.
    Broker,
    /// Kafka's default.
    Default,
    /// Another, newer one.
    Other(i8),
}

impl ConfigSource {
    const fn of(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2..=4 => Self::Broker,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Default => "default",
            Self::Other(_) => "other",
        }
    }
}

/// One change of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String, String),
    /// Go back to the default.
    Unset(String),
}

impl ConfigChange {
    fn wire(&self) -> AlterableConfig<'_> {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        let (name, config_operation, value) = match self {
            Self::Set(name, value) => (name, SET, Some(value.as_str().into())),
            Self::Unset(name) => (name, DELETE, None),
        };
        AlterableConfig {
            name: name.as_str().into(),
            config_operation,
            value,
        }
    }
}

impl Resource<'_> {
    const fn number(self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Topic(name) => name.to_owned(),
            Self::Broker(node) => node.to_string(),
        }
    }

    fn noun(self) -> String {
        match self {
            Self::Topic(name) => format!("topic \"{name}\""),
            Self::Broker(node) => format!("broker {node}"),
        }
    }

    /// A broker answers for itself.
    const fn target(self) -> Target<'static> {
        match self {
            Self::Topic(_) => Target::Any,
            Self::Broker(node) => Target::Node(node),
        }
    }
}

impl Admin {
    /// All settings of a topic or broker, by name.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason.
    pub async fn describe_configs(
        &self,
        resource: Resource<'_>,
    ) -> Result<Vec<ResourceConfig>, CallError> {
        let doing = format!("read the settings of {}", resource.noun());
        let build = |_| DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name().into(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        let read = |reply: &Reply, _| {
            let response: DescribeConfigsResponse<'_> = reply.body()?;
            let result = response
                .results
                .first()
                .ok_or_else(|| missing(reply, &resource.noun()))?;
            check(reply, result.error_code, result.error_message.as_deref())?;
            let mut configs: Vec<_> = result.configs.iter().map(config).collect();
            configs.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(configs)
        };
        self.cluster()
            .call(&doing, resource.target(), build, read)
            .await
    }

    /// Changes some settings of a topic or broker and leaves the others.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason.
    pub async fn alter_configs(
        &self,
        resource: Resource<'_>,
        changes: &[ConfigChange],
        change: Change,
    ) -> Result<(), CallError> {
        let doing = format!("change the settings of {}", resource.noun());
        let build = |_| IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name().into(),
                configs: changes.iter().map(ConfigChange::wire).collect(),
            }],
            validate_only: change == Change::Validate,
        };
        let read = |reply: &Reply, _| {
            let response: IncrementalAlterConfigsResponse<'_> = reply.body()?;
            let result = response
                .responses
                .first()
                .ok_or_else(|| missing(reply, &resource.noun()))?;
            check(reply, result.error_code, result.error_message.as_deref())
        };
        let target = match resource {
            Resource::Topic(_) => Target::Controller,
            Resource::Broker(node) => Target::Node(node),
        };
        self.cluster().call(&doing, target, build, read).await
    }
}

fn config(config: &DescribeConfigsResourceResult<'_>) -> ResourceConfig {
    ResourceConfig {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        source: ConfigSource::of(config.config_source),
        is_read_only: config.read_only,
        is_sensitive: config.is_sensitive,
    }
}
