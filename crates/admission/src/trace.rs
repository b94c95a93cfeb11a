//! The header that says which trace a request belongs to: the W3C's Trace Context.

use std::fmt;

/// Name of the header.
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header beside it, which is passed on as it came.
pub const TRACESTATE: &str = "tracestate";

/// A `traceparent` header: the trace, and the span in it, that a request belongs to.
///
/// A header of a later version is read as one of version 00, of which it has the fields and perhaps
/// more behind them; spelled again, it is one of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// The trace's id, 32 hexadecimal digits.
    pub trace_id: &'a str,
    /// The id of the span that sends the request, 16 of them.
    pub parent_id: &'a str,
    /// The flags, 2 of them; of a later version the only one that is known.
    pub flags: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Reads the header; `None` when it is none.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        let mut fields = header.split('-');
        let mut field = |length: usize| {
            let field = fields.next()?;
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (field.len() == length && field.bytes().all(is_hex)).then_some(field)
        };
        let is_set = |id: &str| id.bytes().any(|byte| byte != b'0');
        let version = field(2)?;
        let parsed = Self {
            trace_id: field(32).filter(|id| is_set(id))?,
            parent_id: field(16).filter(|id| is_set(id))?,
            flags: field(2)?,
        };
        match version {
            "00" => fields.next().is_none().then_some(parsed),
            "ff" => None,
            _ => Some(Self {
                flags: if parsed.is_sampled() { "01" } else { "00" },
                ..parsed
            }),
        }
    }

    /// Whether the sender keeps this trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags
            .ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f'])
    }
}

impl fmt::Display for TraceParent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{}", self.trace_id, self.parent_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_whole_header_is_spelled_as_it_was() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("0b", true)] {
            let header = format!("00-{TRACE}-{SPAN}-{flags}");
            let parsed = TraceParent::parse(&header).unwrap();
            assert_eq!((parsed.trace_id, parsed.parent_id), (TRACE, SPAN));
            assert_eq!(parsed.is_sampled(), is_sampled, "{flags}");
            assert_eq!(parsed.to_string(), header);
        }
    }

    #[test]
    fn a_later_version_is_read_as_the_first() {
        for (rest, flags) in [
            ("01", "01"),
            ("06", "00"),
            ("ff-more-fields", "01"),
            ("00-", "00"),
        ] {
            let header = format!("cc-{TRACE}-{SPAN}-{rest}");
            let parsed = TraceParent::parse(&header).unwrap();
            assert_eq!(parsed.to_string(), format!("00-{TRACE}-{SPAN}-{flags}"));
        }
    }

    #[test]
    fn what_only_looks_like_a_header_is_none() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        for bad in [
            String::new(),
            TRACE.to_owned(),
            "1-1-1-1".to_owned(),
            format!("{good}-01"),
            format!(" {good}"),
            format!("ff{}", &good[2..]),
            format!("01{}", &good[2..54]),
            format!("01{}more", &good[2..]),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            good.to_uppercase(),
            good.replace('f', "g"),
            good.replace('4', "\u{e9}"),
            "x".repeat(60_000),
        ] {
            assert_eq!(TraceParent::parse(&bad), None, "{bad:.80}");
        }
    }
}
