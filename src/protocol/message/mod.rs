//! Message bodies, one file per API, declared once for both directions and all versions.
