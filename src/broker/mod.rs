//! The embedded development broker and schema registry, one file per API.
