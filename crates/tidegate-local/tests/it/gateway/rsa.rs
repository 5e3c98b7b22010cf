//! An issuer with an RSA key, as API Gateway knows them.
//!
//! The key was made for these tests, and is used nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};

const KID: &str = "tests";

/// The private key: PKCS #8 in base64.
const KEY: &[&str] = &[
    "MIIEuwIBADANBgkqhkiG9w0BAQEFAASCBKUwggShAgEAAoIBAQCeEt9q1/DcWdTH+7fFF3EFjNXVwdzoYqXLjbOX",
    "p/RRTOGPMFkqYYa/nSTGacGCOyfXd/XD4t07XxweYyTzr7VCbEky3JDROZ0dX3uH/hSUy56wSGQBO0THvsxnZO93",
    "jAkAlJ8MuKRDSBlYKYSl/xfb/sFbqR/LY/Yf2OIUr+RtaclPvEZ3x08ts0mVJrxqeZxssgchbgXv2NqsYW6T0vvw",
    "JikHyxdqOXW0U/dwvG9jjO5w2xV8Vzo/2UKSWbYdBB9N1NmEC1mRLaDyM7BiNq6CrrB7fcL8ipkAQ69no1l/cHeM",
    "ZrlFTtqDbpzw9K6o8WAxfGbrJWtZdpD3/X1UBZUVAgMBAAECgf82snvHPMbbeI9oTnGzK/6v16Emli5v5bKjp3oS",
    "wCCKVqVg0W9eeuC67RAMmAudmgVEnv3WX79YYVDEMwpWSDaFsB1OvC5gN3oQ7+PkQBxfCxZIvsPb/pDjjTdYOlT3",
    "yOep4RjSuLweNpSOgnn5S+EK/twUG4bPmjH6/dE9LJ/zkQZaP8W0+oF+ANtTgBDb4aP2WpoUIwmqJZnVM/xdflW6",
    "byCqWer18c8bkz/gH/en4x7LaFmzI+8V8xtKPWkOeylOP1qOS3neqY5LygiTBgf3Aoj12cn/1HiYIDeUsxYhT998",
    "GgZxiEm0qZrMS7eJPXrjPAAi5Lo3K87+F4I9OQECgYEA2c+9gdJpU+WNTtDR4Rkq1/UfIB2rYLOhvFZWhg2oxhN0",
    "7VZb3H00tIV7qQgM2HVYt1kJe+bl7VlibCh75jCvMZ1itiG8nHt0m3wEl8nvqnqw37TLB9K6vE/UIofQiBBJqAOC",
    "J+ZWwoi30mEtb51zKpaStE5B7zI887dSu0nkKBUCgYEAucncNbihhVxZ9AjmJaijyAypmHV2sGfA07z1/6/jT3ix",
    "plVCMhO1OXIhNUO4ePqqYuFPnZu7Fsh01jPiDLfnccwp6TC/1eVl6OxliLvBSt41sBwKZOYJQ73iAc0J90E0xQtB",
    "BFswvfG0sKqOm8SSohcKxgMQrD6jRKL4yE7R+QECgYEAm7clz1sjC+Svmmo1scyxUYUfhHFRpSem+CNtZhb70uf0",
    "Dv1PXRlyBaDsYFKuBE4YZ7PS0O6o8H+XmqVytoWVqk3PVVBXLDQikEoganfmzKU8MCJriCNCdwBHM4yPK8chMWmY",
    "sne9DQR7Dn+E4SfaPtc4+Ih+IMh0xPQJxHW2FGUCgYBIXwqp3o8EvRHJTwIf305VaiFSY0dltjTWBkCpZiGc3n4N",
    "Nh8AFM8+XmfzMLsWXUasF+qEkZpSaKmimzlODQFaQdZ9oODJeH+3OQbgOYs1F9RAEtw1q6omOjxkyTM9nqfordaY",
    "1NDq3NGvE/FTWkJoY6NtuNnwzsGYxgc1OAbxAQKBgEYJfuQOly7TYqkN4kU/iJZfIPnHy6S6/oDVeT4+5zPXN50Y",
    "9bfvhYHJd9wC3mlPMioAtXNV8sJgM4usprJQtkJBy6jAwLgnFb8tj7shith0ZEBh/yRdr+9y3aHbNXI42YFEpu8h",
    "qULZzABlT/1eayqxlFc3Io28GsYAHk7mC7Ac",
];

/// The modulus of the public key, as key sets write it.
const MODULUS: &[&str] = &[
    "nhLfatfw3FnUx_u3xRdxBYzV1cHc6GKly42zl6f0UUzhjzBZKmGGv50kxmnBgjsn13f1w-LdO18cHmMk86-1QmxJ",
    "MtyQ0TmdHV97h_4UlMuesEhkATtEx77MZ2Tvd4wJAJSfDLikQ0gZWCmEpf8X2_7BW6kfy2P2H9jiFK_kbWnJT7xG",
    "d8dPLbNJlSa8anmcbLIHIW4F79jarGFuk9L78CYpB8sXajl1tFP3cLxvY4zucNsVfFc6P9lCklm2HQQfTdTZhAtZ",
    "kS2g8jOwYjaugq6we33C_IqZAEOvZ6NZf3B3jGa5RU7ag26c8PSuqPFgMXxm6yVrWXaQ9_19VAWVFQ",
];

pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the key set that the issuer publishes.
pub(super) fn key_set() -> Value {
    let key = json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": MODULUS.concat(), "e": "AQAB",
    });
    json!({ "keys": [key] })
}

/// Signs a token with RS256.
pub(super) fn token(claims: &Map<String, Value>) -> String {
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(KEY.concat()).unwrap()).unwrap();
    let header = json!({ "alg": "RS256", "kid": KID }).to_string();
    let claims = Value::Object(claims.clone()).to_string();
    let message = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", encoded(&signature))
}
