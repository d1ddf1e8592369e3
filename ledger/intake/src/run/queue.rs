//! The queue before the sequencer: bounded, and quiet while waking would not help.
//!
//! While the writer is busy a group can only grow, so the sequencer sleeps until enough events wait to be worth a turn, or the writer is
//! idle. One wake-up then stands for many submissions. Not here: what a message means (`threads`).
//! Always: a message is taken in the order it came; after the sequencer ended nothing is taken, and whoever waits is told by the drop.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Message, QUEUE_SUBMISSIONS_MAX};

/// Events that are worth a turn of the sequencer while the writer is busy: fewer are put in order in a fraction of a sync.
pub(super) const EVENTS_WORTH_A_TURN: usize = 16;

/// Messages that the sequencer takes at once. What it has taken is beyond the queue's bound, so it is not much.
const MESSAGES_A_TURN: usize = 64;

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NotTaken {
    /// As many wait as may.
    Full,
    /// The sequencer ended.
    Ended,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    /// Events of the submissions among them.
    events: usize,
    /// Messages among them that are no submission: they are not kept waiting.
    pressing: usize,
    /// The events for which the sequencer sleeps; `None` while it is awake.
    sleeps_for: Option<usize>,
    ended: bool,
}

impl Waiting {
    fn is_worth(&self, events: usize) -> bool {
        self.pressing > 0 || (!self.messages.is_empty() && self.events >= events)
    }
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    worth_it: Condvar,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: Message, most: usize) -> Result<(), NotTaken> {
        let mut waiting = self.waiting();
        if waiting.ended {
            return Err(NotTaken::Ended);
        }
        if waiting.messages.len() >= most {
            return Err(NotTaken::Full);
        }
        match events_of(&message) {
            Some(events) => waiting.events += events,
            None => waiting.pressing += 1,
        }
        waiting.messages.push_back(message);
        let wakes = waiting
            .sleeps_for
            .is_some_and(|events| waiting.is_worth(events));
        if wakes {
            waiting.sleeps_for = None;
            drop(waiting);
            self.worth_it.notify_one();
        }
        Ok(())
    }
}

/// Events of a submission; an empty one, which only waits for what is before it, counts like one.
fn events_of(message: &Message) -> Option<usize> {
    match message {
        Message::Submit(arrivals, _) => Some(arrivals.len().max(1)),
        _ => None,
    }
}

/// A queue: its two ends.
pub(super) fn queue() -> (Doors, Order) {
    let queue = Arc::new(Queue::default());
    (Doors(queue.clone()), Order(queue))
}

/// The end that doors and the writer hold.
#[derive(Clone)]
pub(super) struct Doors(Arc<Queue>);

impl Doors {
    /// Takes a message in, if there is room.
    pub(super) fn push(&self, message: Message) -> Result<(), NotTaken> {
        self.0.push(message, QUEUE_SUBMISSIONS_MAX)
    }

    /// Takes a message of the engine itself in, whatever waits.
    pub(super) fn press(&self, message: Message) {
        // A sequencer that ended needs no message.
        let _ = self.0.push(message, usize::MAX);
    }
}

/// The sequencer's end.
pub(super) struct Order(Arc<Queue>);

impl Order {
    /// Moves what waits behind `into`, without waiting; false where there is nothing.
    pub(super) fn take(&self, into: &mut VecDeque<Message>) -> bool {
        Self::drain(self.0.waiting(), into)
    }

    /// The same, once as many events wait, or a message that is no submission.
    pub(super) fn wait(&self, events: usize, into: &mut VecDeque<Message>) {
        let mut waiting = self.0.waiting();
        while !waiting.is_worth(events) {
            waiting.sleeps_for = Some(events);
            let slept = self.0.worth_it.wait(waiting);
            waiting = slept.unwrap_or_else(PoisonError::into_inner);
        }
        Self::drain(waiting, into);
    }

    fn drain(mut guard: MutexGuard<'_, Waiting>, into: &mut VecDeque<Message>) -> bool {
        let waiting = &mut *guard;
        waiting.sleeps_for = None;
        let count = waiting.messages.len().min(MESSAGES_A_TURN);
        for message in waiting.messages.drain(..count) {
            match events_of(&message) {
                Some(events) => waiting.events -= events,
                None => waiting.pressing -= 1,
            }
            into.push_back(message);
        }
        count > 0
    }
}

impl Drop for Order {
    /// Whoever waits is told by the drop of their message.
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.ended = true;
        let left = std::mem::take(&mut waiting.messages);
        drop(waiting);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find() -> Message {
        let (reply, _) = tokio::sync::oneshot::channel();
        Message::Find(Vec::new(), reply)
    }

    #[test]
    fn it_is_bounded_and_what_is_in_it_ends_with_the_sequencer() {
        let (doors, order) = queue();
        for _ in 0..QUEUE_SUBMISSIONS_MAX {
            assert_eq!(doors.push(find()), Ok(()));
        }
        assert_eq!(doors.push(find()), Err(NotTaken::Full));
        doors.press(Message::WriterIdle);
        let mut taken = VecDeque::new();
        while order.take(&mut taken) {}
        assert_eq!(taken.len(), QUEUE_SUBMISSIONS_MAX + 1);
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        assert_eq!(doors.push(Message::Submit(Vec::new(), reply)), Ok(()));
        drop(order);
        assert!(answer.try_recv().is_err(), "the sender is dropped");
        assert_eq!(doors.push(find()), Err(NotTaken::Ended));
    }

    #[test]
    fn a_submission_alone_wakes_nobody_who_waits_for_more() {
        let (doors, order) = queue();
        let mut taken = VecDeque::new();
        let empty = || Message::Submit(Vec::new(), tokio::sync::oneshot::channel().0);
        let worth = |events| order.0.waiting().is_worth(events);
        assert_eq!(doors.push(empty()), Ok(()));
        assert!(worth(1) && !worth(2));
        assert_eq!(doors.push(empty()), Ok(()));
        assert!(worth(2) && !worth(3));
        doors.press(Message::WriterIdle);
        assert!(worth(EVENTS_WORTH_A_TURN));
        order.wait(EVENTS_WORTH_A_TURN, &mut taken);
        assert_eq!(taken.len(), 3);
        assert!(!worth(0));
    }

    #[test]
    fn a_sleeper_is_woken_by_the_writer_and_by_enough() {
        let (doors, order) = queue();
        let sleeper = std::thread::spawn(move || {
            let mut taken = VecDeque::new();
            while taken.len() < 3 {
                order.wait(2, &mut taken);
            }
            taken.len()
        });
        let empty = || Message::Submit(Vec::new(), tokio::sync::oneshot::channel().0);
        assert_eq!(doors.push(empty()), Ok(()));
        assert_eq!(doors.push(empty()), Ok(()));
        doors.press(Message::WriterIdle);
        assert_eq!(sleeper.join().ok(), Some(3));
    }
}
