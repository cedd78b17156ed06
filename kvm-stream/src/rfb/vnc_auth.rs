//! The check of VNC authentication (RFC 6143, section 7.2.2).

use des::Des;
use des::cipher::generic_array::GenericArray;
use des::cipher::{BlockEncrypt, KeyInit};

use super::event::VncResponse;

impl VncResponse {
    /// Whether the client knows the password. Only its first eight bytes count.
    ///
    /// The time it takes says nothing about how much of the answer was right.
    pub fn is_of(&self, password: &[u8]) -> bool {
        let mut key = [0; 8];
        for (key, byte) in key.iter_mut().zip(password) {
            // Clients take the bits of each byte in the other order than DES does.
            *key = byte.reverse_bits();
        }
        let cipher = Des::new(&GenericArray::from(key));
        let mut expected = self.challenge;
        for half in expected.chunks_exact_mut(8) {
            cipher.encrypt_block(GenericArray::from_mut_slice(half));
        }
        let difference = expected.iter().zip(&self.response).fold(0, |all, (a, b)| all | (a ^ b));
        // The barrier keeps the comparison from being left early.
        std::hint::black_box(difference) == 0
    }
}
