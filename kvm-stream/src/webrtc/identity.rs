//! Who a WebRTC peer is: a certificate, whose fingerprint goes with the description of the session.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use p256::pkcs8::EncodePrivateKey;
use str0m::IceCreds;
use str0m::config::DtlsCert;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::Encode;
use x509_cert::der::asn1::UtcTime;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use super::WebRtcError;

/// A key and its self-signed certificate (RFC 8827, section 6.5), made for one run of a program and never written
/// anywhere.
///
/// Its fingerprint is in every answer, and so whoever trusts how the answer came trusts the peer. Making one takes a
/// millisecond or so; all viewers may share it, which then can tell that they look at the same program.
#[derive(Clone)]
pub struct WebRtcIdentity(DtlsCert);

impl WebRtcIdentity {
    /// Makes one from the system's randomness.
    ///
    /// # Errors
    ///
    /// The certificate cannot be written.
    pub fn generate() -> Result<Self, WebRtcError> {
        Self::try_generate().map_err(|error| WebRtcError::Identity { reason: error.to_string() })
    }

    fn try_generate() -> Result<Self, Box<dyn Error>> {
        let key = SigningKey::random(&mut OsRng);
        let public = SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?;
        let name = Name::from_str("CN=kvm")?;
        // Browsers want serial numbers that differ; the first bit would be the sign.
        let mut serial = [0; 16];
        OsRng.fill_bytes(&mut serial);
        serial[0] = serial[0] & 0x7f | 0x40;
        let profile = Profile::Leaf {
            issuer: name.clone(),
            enable_key_agreement: false,
            enable_key_encipherment: false,
        };
        let serial = SerialNumber::new(&serial)?;
        let certificate = CertificateBuilder::new(profile, serial, always()?, name, public, &key)?
            .build::<DerSignature>()?
            .to_der()?;
        let private_key = key.to_pkcs8_der()?;
        Ok(Self(DtlsCert { certificate, private_key: private_key.as_bytes().to_vec() }))
    }

    pub(super) fn certificate(&self) -> DtlsCert {
        self.0.clone()
    }
}

/// Without the key.
impl fmt::Debug for WebRtcIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtcIdentity")
            .field("certificate_bytes", &self.0.certificate.len())
            .finish_non_exhaustive()
    }
}

/// Name and password by which a peer shows that it has read the answer (RFC 8445, section 5.3). str0m's own come from
/// a generator that is not made for secrets.
pub(super) fn credentials() -> IceCreds {
    let random = |bytes: usize| {
        let mut random = vec![0; bytes];
        OsRng.fill_bytes(&mut random);
        random.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    IceCreds { ufrag: random(8), pass: random(16) }
}

/// From the year 2000 on, without an end that would mean something (RFC 5280, section 4.1.2.5): peers go by the
/// fingerprint, and no clock is needed.
fn always() -> Result<Validity, Box<dyn Error>> {
    let start = Duration::from_secs(946_684_800);
    Ok(Validity { not_before: Time::UtcTime(UtcTime::from_unix_duration(start)?), not_after: Time::INFINITY })
}

#[cfg(test)]
mod tests {
    use x509_cert::Certificate;
    use x509_cert::der::Decode;

    use super::*;

    #[test]
    fn a_certificate_can_be_read_and_is_not_like_another() {
        let [one, other] = [(); 2].map(|()| WebRtcIdentity::generate().unwrap());
        let [one_read, other_read] =
            [&one, &other].map(|identity| Certificate::from_der(&identity.0.certificate).unwrap());
        assert_eq!(one_read.tbs_certificate.issuer, one_read.tbs_certificate.subject);
        assert_ne!(one_read.tbs_certificate.serial_number, other_read.tbs_certificate.serial_number);
        assert_ne!(one.0.private_key, other.0.private_key);
        assert!(!format!("{one:?}").contains("private"));
    }

    #[test]
    fn credentials_are_long_enough_and_differ() {
        let [one, other] = [(); 2].map(|()| credentials());
        assert!(one.ufrag.len() >= 4 && one.pass.len() >= 22, "RFC 8445, section 5.3");
        assert!(one.ufrag != other.ufrag && one.pass != other.pass);
    }
}
