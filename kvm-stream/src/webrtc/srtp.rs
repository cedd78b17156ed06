//! The ciphers of SRTP (RFC 3711, section 4.1.1; RFC 7714) for str0m, in pure Rust.

use std::fmt;

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher};
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider,
    SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// Makes the ciphers of all three protection profiles that str0m negotiates.
#[derive(Debug)]
pub(super) struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Srtp
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Srtp
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Srtp
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        one_block(&Aes128::new(GenericArray::from_slice(key)), input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        one_block(&Aes256::new(GenericArray::from_slice(key)), input, output);
    }
}

impl SupportedAes128CmSha1_80 for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Counter { key })
    }
}

impl SupportedAeadAes128Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Sealed(Aes128Gcm::new(&key.into())))
    }
}

impl SupportedAeadAes256Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Sealed(Aes256Gcm::new(&key.into())))
    }
}

/// AES in counter mode; who sent it is checked by str0m, with HMAC-SHA1.
struct Counter {
    key: [u8; 16],
}

impl Aes128CmSha1_80Cipher for Counter {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let output = output.get_mut(..input.len()).ok_or_else(no_room)?;
        let mut stream = ctr::Ctr128BE::<Aes128>::new(&self.key.into(), iv.into());
        stream.apply_keystream_b2b(input, output).map_err(|_| no_room())
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(iv, input, output)
    }
}

/// AES in Galois/counter mode, whose tag follows the text.
struct Sealed<C>(C);

impl<C: AeadInPlace> Sealed<C> {
    fn seal(&self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let output = output.get_mut(..input.len() + TAG_BYTES).ok_or_else(no_room)?;
        let (text, tag) = output.split_at_mut(input.len());
        text.copy_from_slice(input);
        let sealed = self.0.encrypt_in_place_detached(GenericArray::from_slice(iv), aad, text);
        tag.copy_from_slice(&sealed.map_err(|_| refused("it cannot be sealed"))?);
        Ok(())
    }

    fn open(
        &self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let length = input.len().checked_sub(TAG_BYTES).ok_or_else(|| refused("it is shorter than a tag"))?;
        let (sealed, tag) = input.split_at(length);
        let text = output.get_mut(..length).ok_or_else(no_room)?;
        text.copy_from_slice(sealed);
        let joined;
        let aad = match aads {
            [one] => *one,
            several => {
                joined = several.concat();
                &joined[..]
            }
        };
        let (iv, tag) = (GenericArray::from_slice(iv), GenericArray::from_slice(tag));
        self.0
            .decrypt_in_place_detached(iv, aad, text, tag)
            .map_err(|_| refused("somebody else sealed it, or it was changed"))?;
        Ok(length)
    }
}

macro_rules! sealed {
    ($cipher:ty, $name:ident) => {
        impl $name for Sealed<$cipher> {
            fn encrypt(
                &mut self,
                iv: &[u8; 12],
                aad: &[u8],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<(), CryptoError> {
                self.seal(iv, aad, input, output)
            }

            fn decrypt(
                &mut self,
                iv: &[u8; 12],
                aads: &[&[u8]],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<usize, CryptoError> {
                self.open(iv, aads, input, output)
            }
        }
    };
}

sealed!(Aes128Gcm, AeadAes128GcmCipher);
sealed!(Aes256Gcm, AeadAes256GcmCipher);

/// Without the key.
impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter(..)")
    }
}

/// Without the key.
impl<C> fmt::Debug for Sealed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Encrypts one block; str0m gives more room than that for the outcome.
fn one_block(cipher: &impl BlockEncrypt, input: &[u8], output: &mut [u8]) {
    let block = GenericArray::from_slice(&input[..BLOCK_BYTES]);
    cipher.encrypt_block_b2b(block, GenericArray::from_mut_slice(&mut output[..BLOCK_BYTES]));
}

fn no_room() -> CryptoError {
    refused("there is no room for the outcome")
}

fn refused(reason: &str) -> CryptoError {
    CryptoError::Other(reason.to_owned())
}

const TAG_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hexadecimal: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&hexadecimal[at * 2..at * 2 + 2], 16).unwrap())
    }

    /// RFC 3711, appendix B.2: the key stream of AES-CM.
    #[test]
    fn counter_mode_is_that_of_the_standard() {
        let key = bytes("2B7E151628AED2A6ABF7158809CF4F3C");
        let iv = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
        let mut cipher = SupportedAes128CmSha1_80::create_cipher(&Srtp, key, true);
        let mut stream = [0xff; 32];
        cipher.encrypt(&iv, &[0; 32], &mut stream).unwrap();
        assert_eq!(stream[..16], bytes::<16>("E03EAD0935C95E80E166B16DD92B4EB4"));
        assert_eq!(stream[16..], bytes::<16>("D23513162B02D0F72A43A2FE4A5F97AB"));
        assert!(cipher.encrypt(&iv, &[0; 32], &mut [0; 31]).is_err());
    }

    /// RFC 7714, section 16.1.1: SRTP with AEAD_AES_128_GCM.
    #[test]
    fn galois_mode_is_that_of_the_standard() {
        let key = bytes("000102030405060708090a0b0c0d0e0f");
        let iv = bytes("51753c6580c2726f20718414");
        let header: [u8; 12] = bytes("8040f17b8041f8d35501a0b2");
        let plain = b"Gallia est omnis divisa in partes tres";
        let mut sealed = [0; 38 + TAG_BYTES];
        let mut cipher = SupportedAeadAes128Gcm::create_cipher(&Srtp, key, true);
        cipher.encrypt(&iv, &header, plain, &mut sealed).unwrap();
        assert_eq!(sealed[..16], bytes::<16>("f24de3a3fb34de6cacba861c9d7e4bca"));
        assert_eq!(sealed[38..], bytes::<16>("899d7f27beb16a9152cf765ee4390cce"));

        let mut opened = [0; 38];
        let parts = [&header[..5], &header[5..]];
        assert_eq!(cipher.decrypt(&iv, &parts, &sealed, &mut opened).unwrap(), 38);
        assert_eq!(&opened, plain);
        sealed[3] ^= 1;
        assert!(cipher.decrypt(&iv, &[&header], &sealed, &mut opened).is_err());
        assert!(cipher.decrypt(&iv, &[&header], &sealed[..15], &mut opened).is_err());
    }

    /// FIPS 197, appendices C.1 and C.3.
    #[test]
    fn a_single_block_is_that_of_the_standard() {
        let (plain, key): ([u8; 16], [u8; 32]) = (
            bytes("00112233445566778899aabbccddeeff"),
            bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        );
        let mut room = [0; 32];
        Srtp.srtp_aes_128_ecb_round(&key[..16], &plain, &mut room);
        assert_eq!(room[..16], bytes::<16>("69c4e0d86a7b0430d8cdb78070b4c55a"));
        Srtp.srtp_aes_256_ecb_round(&key, &plain, &mut room);
        assert_eq!(room[..16], bytes::<16>("8ea2b7ca516745bfeafc49904b496089"));
    }
}
