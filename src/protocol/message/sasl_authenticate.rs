//! The SaslAuthenticate API.

use super::Blob;
use super::Str;

declare! {
    SaslAuthenticate, versions 0-2, flexible 2+: SaslAuthenticateRequest<'a>
        => SaslAuthenticateResponse<'r>;

    /// Carries the client's side of a SASL exchange.
    pub struct SaslAuthenticateRequest<'a> {
        /// The bytes of the SASL mechanism.
        auth_bytes: Blob<'a>;
    }

    /// Carries the broker's side of a SASL exchange.
    pub struct SaslAuthenticateResponse<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
        /// The bytes of the SASL mechanism.
        auth_bytes: Blob<'a>;
        /// After how many milliseconds the client must authenticate again; 0 for never.
        session_lifetime_ms: i64, versions 1+, ignorable;
    }
}
