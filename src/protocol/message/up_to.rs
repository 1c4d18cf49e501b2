//! Requests that go out in no version above a given one, whatever both sides know.

use super::ApiKey;
use super::Message;
use super::ReadError;
use super::Request;
use super::Versions;
use super::WriteError;

/// A request that is only known up to version `MAX`, because later ones mean something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpTo<const MAX: i16, R>(pub R);

impl<'a, const MAX: i16, R: Message<'a>> Message<'a> for UpTo<MAX, R> {
    const NAME: &'static str = R::NAME;
    const API_KEY: ApiKey = R::API_KEY;
    const VERSIONS: Versions = Versions {
        min: R::VERSIONS.min,
        max: MAX,
    };
    const FLEXIBLE: Versions = R::FLEXIBLE;

    fn read(bytes: &mut &'a [u8], version: i16) -> Result<Self, ReadError> {
        R::read(bytes, version).map(Self)
    }

    fn write(&self, version: i16, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.0.write(version, out)
    }
}

impl<'a, const MAX: i16, R: Request<'a>> Request<'a> for UpTo<MAX, R> {
    type Response<'r> = R::Response<'r>;
}
