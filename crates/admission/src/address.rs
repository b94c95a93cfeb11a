//! Client addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address by which limits count a client: an IPv4 address, or the /64 network of an IPv6
/// address, which one client has to itself.
///
/// Addresses that only carry an IPv4 address (mapped, translated by NAT64, 6to4 and Teredo) count
/// as that one: otherwise all clients behind one translator would be one client, or one client
/// many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(IpAddr);

impl ClientKey {
    /// The client at `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match canonical(address) {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The IPv4 address that an IPv6 address embeds, else the address itself.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // ::ffff:0:0/96 (RFC 4291), ::ffff:0:0:0/96 (RFC 2765) and 64:ff9b::/96 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => pair(high, low),
        // ::/96, which RFC 4291 has given up; `::` and `::1` are below it.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => pair(high, low),
        // 2002::/16 (RFC 3056).
        [0x2002, high, low, ..] => pair(high, low),
        // 2001::/32 (RFC 4380): the client's address is inverted.
        [0x2001, 0, .., high, low] => pair(!high, !low),
        _ => address,
    }
}

/// Whether an address belongs to no public network: this machine, a LAN, a cluster, a carrier's
/// shared space. A peer there is most likely a proxy, which stands for many clients.
///
/// Addresses reserved for documentation count as public: examples and tests use them for clients.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(v4) => match v4.octets() {
            // Shared address space (RFC 6598), IETF protocol assignments, benchmarking (RFC 2544),
            // "this network", reserved.
            [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [198, 18 | 19, ..]
            | [0, ..]
            | [240..=255, ..] => true,
            _ => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast(),
        },
        IpAddr::V6(v6) => match v6.segments() {
            // Local-use translation (RFC 8215), site-local (RFC 3879).
            [0x64, 0xff9b, 1, ..] | [0xfec0..=0xfeff, ..] => true,
            _ => {
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_unique_local()
                    || v6.is_unicast_link_local()
                    || v6.is_multicast()
            }
        },
    }
}

/// Reads an address as headers have it: with or without a port, IPv6 with or without brackets, a
/// zone ignored.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.split_once('%')
        .map_or(bare, |(address, _zone)| address)
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ClientKey {
        ClientKey::of(text.parse().unwrap())
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        assert_eq!(key("2001:db8:1:2:3::4"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::"), key("2001:db8:1:3::"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("2001:db8:0:0:3::1").to_string(), "2001:db8::");
        assert_eq!(key("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn an_address_that_carries_another_is_that_one() {
        let client = key("192.0.2.33");
        for carrier in [
            "::ffff:192.0.2.33",
            "::ffff:0:192.0.2.33",
            "::192.0.2.33",
            "64:ff9b::192.0.2.33",
            "2002:c000:221::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdde",
        ] {
            assert_eq!(key(carrier), client, "{carrier}");
        }
    }

    #[test]
    fn special_ranges_are_known_to_their_ends() {
        for private in [
            "0.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.2.1",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.100.9",
            "203.0.113.7",
            "223.255.255.255",
            "2001:db8::1",
            "2606:4700::1",
            "fbff::1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_are_read_in_every_spelling() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1:8080 ", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("192.0.2", None),
            ("192.0.2.01", None),
            ("2001:db8::1::", None),
            ("unknown", None),
            ("", None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(parse_address(text), expected, "{text}");
        }
    }
}
