//! Flags, commands, printing, exit codes.
