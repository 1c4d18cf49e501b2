//! What an error of the library means to the user: exit code, words, advice.

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::client::ConnectError;
use crate::client::ErrorKind;
use crate::client::call::CallError;
use crate::client::call::Failure as CallFailure;
use crate::client::error_chain::chain;
use crate::client::fetcher::FetchError;
use crate::client::producer::ProduceError;
use crate::client::schema_registry::RegistryError;
use crate::protocol::batch_error::BatchError;

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotReachable => Self::NotReachable,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Data => Self::Data,
            ErrorKind::Deadline | ErrorKind::Failed => Self::Failed,
        }
    }
}

/// What to do about errors of a class, where that is the same for all of them.
const fn advice(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotReachable => Some(
            "is the broker running, and is this its address? Give another with --brokers; `tidemill broker` starts one here",
        ),
        ErrorKind::Refused => Some(
            "check security.protocol, sasl.mechanism, user and password, and the rights of that user",
        ),
        ErrorKind::Usage | ErrorKind::Data | ErrorKind::Deadline | ErrorKind::Failed => None,
    }
}

fn failure(kind: ErrorKind, error: &dyn std::error::Error) -> Failure {
    Failure {
        exit: kind.into(),
        message: chain(error),
        hint: advice(kind).map(str::to_owned),
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        failure(error.kind(), &error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let failed = failure(error.kind(), &error);
        match &error.failure {
            CallFailure::UnknownTopic { topic, .. } => Self {
                exit: Exit::Failed,
                ..failed
            }
            .hint(format!(
                "create it with `tidemill topic create {topic}`; reading or writing never does"
            )),
            CallFailure::UnknownPartition(_) => Self {
                exit: Exit::Failed,
                ..failed
            },
            _ => failed,
        }
    }
}

impl From<ProduceError> for Failure {
    fn from(error: ProduceError) -> Self {
        failure(error.kind(), &error)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let failed = failure(error.kind(), &error);
        let FetchError::Batch { source, .. } = &error else {
            return failed;
        };
        failed.hint(match source {
            BatchError::OldFormat { .. } => "copy the topic with a client that still reads such records, and read the copy",
            _ => "no record of this batch can be read; kafka-dump-log on its broker tells where the batch ends, and --offset reads on behind it",
        })
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let failed = failure(error.kind(), &error);
        match error.kind() {
            ErrorKind::NotReachable => failed.hint("is the schema registry running, and is this its address? Give another with --registry"),
            _ => failed,
        }
    }
}
