//! The SaslHandshake API.

use super::Str;

declare! {
    SaslHandshake, versions 0-1: SaslHandshakeRequest<'a> => SaslHandshakeResponse<'r>;

    /// Names the SASL mechanism that the client will use.
    pub struct SaslHandshakeRequest<'a> {
        /// The SASL mechanism that the client has chosen.
        mechanism: Str<'a>;
    }

    /// Tells whether the broker has the mechanism.
    pub struct SaslHandshakeResponse<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The SASL mechanisms that the broker has.
        mechanisms: Vec<Str<'a>>;
    }
}
