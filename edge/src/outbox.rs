//! The messages that wait to be sent to one client. Pure: no sockets, no clock.

use crate::{position::Position, room::Room};
use std::{collections::VecDeque, sync::Arc};

/// One message on its way from the application to clients. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<M> {
    /// The message for the client.
    pub(crate) message: M,
    /// Slot of a snapshot: a newer delivery of the same slot replaces this one while it waits.
    pub(crate) slot: Option<Arc<str>>,
    /// Position of the message in its stream; `None` when it is no part of the stream's history.
    pub(crate) id: Option<Arc<Position>>,
    /// The share of memory that a large message holds until it has left.
    pub(crate) room: Option<Room>,
}

/// The next thing to send to a client.
#[derive(Debug)]
pub(crate) enum Outgoing<M, E> {
    /// A message, and the room to be held until it has left.
    Message(M, Option<Room>),
    /// The end of the stream.
    Close(E),
}

/// The error when the client has left too much unread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// A queue that stays short however slow the client is: snapshots replace each other, and the rest
/// is limited.
pub(crate) struct Outbox<M, E> {
    waiting: VecDeque<Delivery<M>>,
    kept: usize,
    max_kept: usize,
    position: Position,
    closing: Option<E>,
}

impl<M: Clone, E: Clone> Outbox<M, E> {
    /// Nothing waits for a client that has come to `position` before.
    pub(crate) fn new(max_kept: usize, position: Position) -> Self {
        Self {
            waiting: VecDeque::new(),
            kept: 0,
            max_kept,
            position,
            closing: None,
        }
    }

    /// Whether there is no room for one more that cannot be replaced.
    pub(crate) fn is_full(&self) -> bool {
        self.closing.is_none() && self.kept >= self.max_kept
    }

    /// Whether the stream ends with what waits.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Position of this client, counting what still waits.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Adds a delivery unless the client has it already, or is being closed.
    pub(crate) fn deliver(&mut self, delivery: Delivery<M>) -> Result<(), Overflow> {
        if self.closing.is_some()
            || delivery
                .id
                .as_ref()
                .is_some_and(|id| !self.position.advance(id))
        {
            return Ok(());
        }
        match &delivery.slot {
            // Removed and put at the end, not replaced in its place: a snapshot must not overtake
            // what was said before it.
            Some(slot) => self
                .waiting
                .retain(|waiting| waiting.slot.as_ref() != Some(slot)),
            None if self.kept == self.max_kept => return Err(Overflow),
            None => self.kept += 1,
        }
        self.waiting.push_back(delivery);
        Ok(())
    }

    /// Ends the stream after what waits. The first end counts.
    pub(crate) fn close(&mut self, end: E) {
        self.closing.get_or_insert(end);
    }

    /// Ends the stream at once: what waits is not sent.
    pub(crate) fn abandon(&mut self, end: E) {
        self.waiting.clear();
        self.kept = 0;
        self.closing = Some(end);
    }

    /// Takes the next thing to send.
    pub(crate) fn pop(&mut self) -> Option<Outgoing<M, E>> {
        let Some(delivery) = self.waiting.pop_front() else {
            return self.closing.clone().map(Outgoing::Close);
        };
        if delivery.slot.is_none() {
            self.kept -= 1;
        }
        Some(Outgoing::Message(delivery.message, delivery.room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    };

    type Sockets = Outbox<Message, CloseFrame>;

    fn outbox(max_kept: usize) -> Sockets {
        Outbox::new(max_kept, Position::default())
    }

    fn delivery(text: &str, slot: Option<&str>, id: Option<&str>) -> Delivery<Message> {
        Delivery {
            message: Message::text(text),
            slot: slot.map(Arc::from),
            id: id.map(|id| Arc::new(Position::parse(id).unwrap())),
            room: None,
        }
    }

    fn drain(outbox: &mut Sockets) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(Outgoing::Message(message, _)) = outbox.pop() {
            texts.push(message.into_text().unwrap().to_string());
        }
        texts
    }

    #[test]
    fn a_snapshot_replaces_the_older_one_and_overtakes_nothing() {
        let mut outbox = outbox(8);
        for (text, slot) in [
            ("a1", Some("a")),
            ("b1", Some("b")),
            ("kept", None),
            ("a2", Some("a")),
            ("a3", Some("a")),
        ] {
            outbox.deliver(delivery(text, slot, None)).unwrap();
        }
        assert_eq!(drain(&mut outbox), ["b1", "kept", "a3"]);
    }

    #[test]
    fn nothing_is_delivered_twice() {
        let mut outbox = outbox(8);
        for id in ["1", "2", "2", "1", "3"] {
            outbox.deliver(delivery(id, None, Some(id))).unwrap();
        }
        outbox.deliver(delivery("keep-alive", None, None)).unwrap();
        assert_eq!(drain(&mut outbox), ["1", "2", "3", "keep-alive"]);
    }

    #[test]
    fn close_comes_last_and_stays() {
        let mut outbox = outbox(8);
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "over".into(),
        };
        outbox.deliver(delivery("end", None, None)).unwrap();
        outbox.close(frame.clone());
        outbox.close(CloseFrame {
            code: CloseCode::Restart,
            reason: "".into(),
        });
        outbox.deliver(delivery("too late", None, None)).unwrap();
        assert_eq!(drain(&mut outbox), ["end"]);
        assert!(matches!(outbox.pop(), Some(Outgoing::Close(last)) if last == frame));
    }

    proptest! {
        #[test]
        fn it_stays_short_and_keeps_what_must_arrive(
            steps in prop::collection::vec((0..4u8, any::<bool>()), 0..200)
        ) {
            let mut outbox = outbox(10);
            let (mut must_arrive, mut arrived) = (Vec::new(), Vec::new());
            for (n, (slot, pop)) in steps.into_iter().enumerate() {
                let slot_name = slot.to_string();
                let text = n.to_string();
                let kept = slot == 0;
                let slot = (!kept).then_some(slot_name.as_str());
                if outbox.deliver(delivery(&text, slot, None)).is_ok() && kept {
                    must_arrive.push(text);
                }
                prop_assert!(outbox.waiting.len() <= 10 + 3);
                if pop && let Some(Outgoing::Message(message, _)) = outbox.pop() {
                    arrived.push(message.into_text().unwrap().to_string());
                }
            }
            arrived.extend(drain(&mut outbox));
            let mut sorted = arrived.clone();
            sorted.sort_by_key(|text| text.parse::<usize>().unwrap());
            prop_assert_eq!(&arrived, &sorted);
            prop_assert!(must_arrive.iter().all(|text| arrived.contains(text)));
        }
    }
}
