//! What stands before a body: request header v1 and v2, response header v0 and v1.
//!
//! A frame, its length prefix taken off, is a header and a body. Flexible versions of an API have
//! the newer header, whose only addition is a section of tagged fields (KIP-482). Two exceptions:
//! the client id never is a compact string, and an ApiVersions response always has header v0, as a
//! client reads it before it knows what the broker can do.
//!
//! Source: `RequestHeader.json`, `ResponseHeader.json`, `RequestHeader.java` (Apache Kafka 4.3.1).

use super::field::{Field, Form, Nullable};
use super::reader::{ReadError, ReadFault, Reader};
use super::writer::{WriteError, WriteFault, Writer};
use super::{ApiKey, Str};

/// The header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The API of the body that follows.
    pub api_key: ApiKey,
    /// The version of the body that follows.
    pub api_version: i16,
    /// Chosen by the client; the response repeats it.
    pub correlation_id: i32,
    /// The client's name for itself, for logs and quotas; null for none.
    pub client_id: Option<Str<'a>>,
}

/// Says why a frame's header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The bytes are no header.
    #[error(transparent)]
    Malformed(#[from] ReadError),
    /// No API with this code is known here.
    #[error("cannot read a request of unknown API {code} v{version}")]
    UnknownApi {
        /// The API's code.
        code: i16,
        /// The version of the request.
        version: i16,
        /// The id that a response would have to repeat.
        correlation_id: i32,
    },
    /// The API is known, but not in this version. The answer to an ApiVersions request of this
    /// kind is error UNSUPPORTED_VERSION in a body of version 0 (KIP-511).
    #[error("cannot read {api_key} v{version}: only versions {} are known", .api_key.versions())]
    UnsupportedVersion {
        /// The API.
        api_key: ApiKey,
        /// The version of the request.
        version: i16,
        /// The id that a response would have to repeat.
        correlation_id: i32,
    },
}

impl<'a> RequestHeader<'a> {
    const NAME: &'static str = "RequestHeader";

    /// Splits a request's frame, without its length prefix, into header and body.
    ///
    /// # Errors
    ///
    /// [`HeaderError`], the peer's fault. After an unknown API or version the frame's body cannot be
    /// read, but the next frame can.
    pub fn split(frame: &'a [u8]) -> Result<(Self, &'a [u8]), HeaderError> {
        let mut reader = Reader::new(frame, FIXED);
        let (code, version, correlation_id) =
            read_start(&mut reader).map_err(|fault| reader.error(Self::NAME, fault))?;
        let Some(api_key) = ApiKey::from_code(code) else {
            return Err(HeaderError::UnknownApi {
                code,
                version,
                correlation_id,
            });
        };
        if !api_key.versions().contains(version) {
            return Err(HeaderError::UnsupportedVersion {
                api_key,
                version,
                correlation_id,
            });
        }
        let client_id = read_end(&mut reader, api_key.is_flexible(version))
            .map_err(|fault| reader.error(Self::NAME, fault))?;
        let header = Self {
            api_key,
            api_version: version,
            correlation_id,
            client_id,
        };
        Ok((header, reader.rest()))
    }

    /// Appends the header to `out`; on error, `out` is left as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`], the caller's fault: a version that is not known here, or a client id above
    /// 32,767 bytes.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let start = out.len();
        self.write_fields(&mut Writer::new(out, FIXED))
            .map_err(|fault| {
                out.truncate(start);
                WriteError {
                    message: Self::NAME,
                    version: self.api_version,
                    field: "",
                    fault,
                }
            })
    }

    fn write_fields(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        let versions = self.api_key.versions();
        if !versions.contains(self.api_version) {
            return Err(WriteFault::UnknownVersion(versions));
        }
        self.api_key.code().put(writer)?;
        self.api_version.put(writer)?;
        self.correlation_id.put(writer)?;
        self.client_id.put(writer)?;
        if self.api_key.is_flexible(self.api_version) {
            writer.unsigned(0);
        }
        Ok(())
    }
}

/// Whether responses to `api_key` in `version` have header v1, with tagged fields.
#[must_use]
pub fn response_header_is_flexible(api_key: ApiKey, version: i16) -> bool {
    api_key != ApiKey::ApiVersions && api_key.is_flexible(version)
}

/// Splits a response's frame, without its length prefix, into correlation id and body.
///
/// # Errors
///
/// [`ReadError`] if the bytes are no header; the peer's fault, and the connection's end.
pub fn split_response(
    frame: &[u8],
    api_key: ApiKey,
    version: i16,
) -> Result<(i32, &[u8]), ReadError> {
    let mut reader = Reader::new(frame, FIXED);
    let flexible = response_header_is_flexible(api_key, version);
    match read_response(&mut reader, flexible) {
        Ok(correlation_id) => Ok((correlation_id, reader.rest())),
        Err(fault) => Err(reader.error("ResponseHeader", fault)),
    }
}

/// Appends a response's header to `out`.
pub fn write_response(api_key: ApiKey, version: i16, correlation_id: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&correlation_id.to_be_bytes());
    if response_header_is_flexible(api_key, version) {
        out.push(0);
    }
}

/// No field of a header has a compact length.
const FIXED: Form = Form {
    version: 0,
    flexible: false,
};

fn read_start(reader: &mut Reader<'_>) -> Result<(i16, i16, i32), ReadFault> {
    Ok((i16::take(reader)?, i16::take(reader)?, i32::take(reader)?))
}

fn read_end<'a>(reader: &mut Reader<'a>, flexible: bool) -> Result<Option<Str<'a>>, ReadFault> {
    let client_id = Str::read_nullable(reader)?;
    if flexible {
        reader.skip_tagged_fields()?;
    }
    Ok(client_id)
}

fn read_response(reader: &mut Reader<'_>, flexible: bool) -> Result<i32, ReadFault> {
    let correlation_id = i32::take(reader)?;
    if flexible {
        reader.skip_tagged_fields()?;
    }
    Ok(correlation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(api_key: ApiKey, api_version: i16) -> RequestHeader<'static> {
        RequestHeader {
            api_key,
            api_version,
            correlation_id: 7,
            client_id: Some("tide".into()),
        }
    }

    #[test]
    fn a_flexible_version_ends_its_header_with_tagged_fields() {
        let written = |version| {
            let mut out = Vec::new();
            header(ApiKey::Metadata, version).write(&mut out).unwrap();
            out
        };
        assert_eq!(written(8), b"\0\x03\0\x08\0\0\0\x07\0\x04tide");
        assert_eq!(written(9), b"\0\x03\0\x09\0\0\0\x07\0\x04tide\0");
    }

    #[test]
    fn every_request_header_comes_back_with_the_body_after_it() {
        for &api_key in ApiKey::ALL {
            for version in api_key.versions().min..=api_key.versions().max {
                let header = header(api_key, version);
                let mut frame = Vec::new();
                header.write(&mut frame).unwrap();
                let header_len = frame.len();
                frame.extend_from_slice(b"body");
                assert_eq!(RequestHeader::split(&frame), Ok((header, &b"body"[..])));
                for len in 0..header_len {
                    let cut = RequestHeader::split(&frame[..len]);
                    assert!(
                        matches!(cut, Err(HeaderError::Malformed(_))),
                        "{api_key} {len}"
                    );
                }
            }
        }
    }

    #[test]
    fn unknown_tagged_fields_of_a_header_are_skipped() {
        let frame = b"\0\x03\0\x09\0\0\0\x07\xff\xff\x02\x00\x01x\x05\x00body";
        let (header, body) = RequestHeader::split(frame).unwrap();
        assert_eq!(header.client_id, None);
        assert_eq!(body, b"body");
    }

    #[test]
    fn an_unknown_api_or_version_still_tells_the_correlation_id() {
        assert_eq!(
            RequestHeader::split(b"\0\x04\0\x01\0\0\0\x07"),
            Err(HeaderError::UnknownApi {
                code: 4,
                version: 1,
                correlation_id: 7
            })
        );
        let newer = RequestHeader::split(b"\0\x12\0\x63\0\0\0\x07\xff\xff\0").unwrap_err();
        assert_eq!(
            newer.to_string(),
            "cannot read ApiVersions v99: only versions 0-4 are known"
        );
    }

    #[test]
    fn an_api_versions_response_never_has_tagged_fields_in_its_header() {
        for (api_key, version, bytes) in [
            (ApiKey::ApiVersions, 4, &b"\0\0\0\x07"[..]),
            (ApiKey::Metadata, 8, b"\0\0\0\x07"),
            (ApiKey::Metadata, 9, b"\0\0\0\x07\0"),
        ] {
            let mut frame = Vec::new();
            write_response(api_key, version, 7, &mut frame);
            assert_eq!(frame, bytes, "{api_key} v{version}");
            assert_eq!(split_response(&frame, api_key, version), Ok((7, &[][..])));
            frame.pop();
            split_response(&frame, api_key, version).unwrap_err();
        }
    }
}
