//! From flags, files and the environment to the client's settings.

use std::env;

use tracing::warn;

use crate::cli::args::ClusterArgs;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::client::config::Config;
use crate::client::config::Warning;
use crate::client::error_chain::chain;

/// Where people look for a broker that runs on their own machine.
const DEFAULT_BROKERS: &str = "localhost:9092";
/// Environment variables of ours that are no properties.
const NO_PROPERTIES: [&str; 4] = [
    "TIDEMILL_BROKERS",
    "TIDEMILL_REGISTRY",
    "TIDEMILL_LOG",
    "TIDEMILL_CONTEXT",
];
/// Names of the field for the same things, used last and said so.
const FALLBACKS: [(&str, &str); 3] = [
    ("KAFKA_BROKERS", "bootstrap.servers"),
    ("KAFKA_BOOTSTRAP_SERVERS", "bootstrap.servers"),
    ("SCHEMA_REGISTRY_URL", "schema.registry.url"),
];

impl ClusterArgs {
    /// The settings that these flags, their file and the environment come to.
    ///
    /// # Errors
    ///
    /// A usage failure that names the setting; nothing was connected to.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.config_over(&[])
    }

    /// The same, with `properties` of a pipeline file under all that the user gave by hand.
    ///
    /// # Errors
    ///
    /// As [`Self::config`].
    pub(crate) fn config_over(&self, properties: &[(String, String)]) -> Result<Config, Failure> {
        let mut config = Config {
            connect_timeout: self.connect_timeout,
            ..Config::default()
        };
        let mut warnings = Vec::new();
        let mut set = |config: &mut Config, name: &str, value: &str| -> Result<(), Failure> {
            warnings.extend(config.set(name, value).map_err(|error| unusable(&error))?);
            Ok(())
        };
        for (name, value) in properties {
            set(&mut config, name, value)?;
        }
        if let Some(file) = &self.config_file {
            for warning in config.load(file).map_err(|error| unusable(&error))? {
                tell(&warning);
            }
        }
        for (name, value) in environment() {
            set(&mut config, &name, &value)?;
        }
        for pair in &self.properties {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("-X {pair}: not NAME=VALUE")))?;
            set(&mut config, name.trim(), value)?;
        }
        for (flag, name) in [
            (&self.brokers, "bootstrap.servers"),
            (&self.registry, "schema.registry.url"),
        ] {
            if let Some(value) = flag {
                set(&mut config, name, value)?;
            }
        }
        fall_back(&mut config)?;
        warnings.extend(config.check().map_err(|error| unusable(&error))?);
        warnings.iter().for_each(tell);
        Ok(config)
    }
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::usage(chain(error))
}

fn tell(warning: &Warning) {
    warn!("{warning}");
}

/// `TIDEMILL_SASL_USERNAME=alice` as `sasl.username=alice`.
fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars().filter_map(|(name, value)| {
        let property = name
            .strip_prefix("TIDEMILL_")
            .filter(|_| !NO_PROPERTIES.contains(&name.as_str()))?;
        Some((property.to_lowercase().replace('_', "."), value))
    })
}

/// Brokers and registry that nothing of ours names: from variables that other tools read, else
/// from this machine.
fn fall_back(config: &mut Config) -> Result<(), Failure> {
    for (variable, property) in FALLBACKS {
        let is_missing = match property {
            "bootstrap.servers" => config.brokers.is_empty(),
            _ => config.registry.urls.is_empty(),
        };
        if let (true, Ok(value)) = (is_missing, env::var(variable)) {
            warn!("{property} is not given; using {variable}={value}");
            config
                .set(property, &value)
                .map_err(|error| unusable(&error))?;
        }
    }
    if config.brokers.is_empty() {
        config
            .set("bootstrap.servers", DEFAULT_BROKERS)
            .map_err(|error| Failure::new(Exit::Bug, chain(&error)))?;
    }
    Ok(())
}
