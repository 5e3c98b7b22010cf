//! Blocks of IP addresses (CIDR).

use std::net::IpAddr;

/// Block of the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    network: IpAddr,
    bits: u32,
}

impl Block {
    /// Reads a block such as `10.0.0.0/24` or `2001:db8::/32`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((address, bits)) = text.split_once('/') else {
            return Err(
                "is not a CIDR block; use an address, a slash and a number of bits".to_owned()
            );
        };
        let network: IpAddr = address
            .parse()
            .map_err(|_| format!("has {address} for an address; use an IPv4 or IPv6 address"))?;
        let most = if network.is_ipv4() { 31 } else { 127 };
        match bits.parse::<u32>() {
            Ok(bits) if bits <= most => Ok(Self { network, bits }),
            _ => Err(format!("has {bits} for the number of bits; must be 0 to {most}")),
        }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        match (self.network, text.parse()) {
            (IpAddr::V4(network), Ok(IpAddr::V4(address))) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), Ok(IpAddr::V6(address))) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}
