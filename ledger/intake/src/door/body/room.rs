//! Memory for the bodies of requests that are open, so that many at once find the door shut and not the machine out of memory.
//!
//! It reads nothing. Always: room is given back when what took it is dropped; one publisher alone leaves the others half of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use proto::PublisherCode;
use proto::limits::REQUEST_BYTES_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory for bodies: all of it, or one publisher's share of it.
#[derive(Clone)]
pub struct Room {
    bytes: usize,
    all: Arc<Semaphore>,
    /// The same where it is nobody's share.
    own: Arc<Semaphore>,
    /// By publishers that had a body; only who is registered has any.
    shares: Arc<Mutex<BTreeMap<PublisherCode, Arc<Semaphore>>>>,
}

/// There is no room for it now.
#[derive(Debug)]
pub(super) struct Full;

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> Room {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Room {
            bytes,
            all: Arc::new(Semaphore::new(bytes)),
            own: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            shares: Arc::default(),
        }
    }

    /// The same room as one publisher finds it: at most half of it, and enough for one request.
    pub(crate) fn of_publisher(&self, publisher: &PublisherCode) -> Room {
        let half = (self.bytes / 2).max(REQUEST_BYTES_MAX);
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match shares.get(publisher) {
            Some(own) => own.clone(),
            None => {
                let own = Arc::new(Semaphore::new(half));
                shares.insert(publisher.clone(), own.clone());
                own
            }
        };
        Room {
            own,
            ..self.clone()
        }
    }

    /// Takes so many bytes more.
    pub(super) fn take(&self, bytes: usize, taken: &mut Taken) -> Result<(), Full> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let of = |room: &Arc<Semaphore>| room.clone().try_acquire_many_owned(permits);
        let (own, all) = (
            of(&self.own).map_err(|_| Full)?,
            of(&self.all).map_err(|_| Full)?,
        );
        taken.0 = Some(match taken.0.take() {
            None => (own, all),
            Some((mut taken_own, mut taken_all)) => {
                taken_own.merge(own);
                taken_all.merge(all);
                (taken_own, taken_all)
            }
        });
        Ok(())
    }
}

/// Room that is taken until this is dropped.
#[derive(Default)]
pub(crate) struct Taken(Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>);

impl Taken {
    /// How much.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |(_, all)| all.num_permits())
    }
}
