//! The APIs of Kafka's protocol that are known here.

use std::fmt;

use super::versions::Versions;
use super::{Message, api_versions, fetch, list_offsets, metadata, produce};

macro_rules! api_keys {
    ($($name:ident = $code:literal, $request:ty;)*) => {
        /// An API of Kafka's protocol. Displays as Kafka's name of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {$(
            #[doc = concat!("Code ", $code, ".")]
            $name = $code,
        )*}

        impl ApiKey {
            /// All that are known here, by their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The API with this code, if it is known here.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number that stands for it in requests.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Kafka's name of it, for example `Produce`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that can be read and written here.
            #[must_use]
            pub const fn versions(self) -> Versions {
                match self {
                    $(Self::$name => <$request>::VERSIONS,)*
                }
            }

            /// Whether `version` has compact lengths and tagged fields (KIP-482).
            #[must_use]
            pub const fn is_flexible(self, version: i16) -> bool {
                match self {
                    $(Self::$name => <$request>::FLEXIBLE.contains(version),)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, produce::ProduceRequest<'_>;
    Fetch = 1, fetch::FetchRequest<'_>;
    ListOffsets = 2, list_offsets::ListOffsetsRequest<'_>;
    Metadata = 3, metadata::MetadataRequest<'_>;
    ApiVersions = 18, api_versions::ApiVersionsRequest<'_>;
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_api() {
        for &api in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(api.code()), Some(api));
            assert!(!api.versions().is_empty(), "{api}");
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(
            ApiKey::from_code(4),
            None,
            "LeaderAndIsr is between brokers"
        );
    }
}
