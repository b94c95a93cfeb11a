//! Trace ids of requests, by the W3C's Trace Context.

/// Name of the header with the trace.
pub const TRACEPARENT: &str = "traceparent";

/// The trace's id in a `traceparent` header, 32 hexadecimal digits; `None` when the header is none.
///
/// A version after 00 may have more fields behind these.
#[must_use]
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let mut fields = traceparent.trim().split('-');
    let mut field = |length: usize| {
        let field = fields.next()?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (field.len() == length && field.bytes().all(is_hex)).then_some(field)
    };
    let is_nothing = |id: &str| id.bytes().all(|b| b == b'0');
    let version = field(2)?;
    let trace = field(32)?;
    let parent = field(16)?;
    field(2)?;
    let is_whole = version != "00" || fields.next().is_none();
    (version != "ff" && is_whole && !is_nothing(trace) && !is_nothing(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_header_names_a_trace() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(trace_id(&good), Some(id));
        assert_eq!(
            trace_id(&format!("01-{id}-00f067aa0ba902b7-01-more")),
            Some(id)
        );
        for bad in [
            String::new(),
            id.to_owned(),
            format!("{good}-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            good.to_uppercase(),
            good.replace('f', "g"),
            good.replace('4', "\u{e9}"),
        ] {
            assert_eq!(trace_id(&bad), None, "{bad}");
        }
    }
}
