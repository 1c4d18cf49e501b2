//! The pipeline file: read with spans, check, compile to a plan.
