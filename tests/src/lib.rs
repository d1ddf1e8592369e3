//! What the journeys share: a real ledger on the real disk, the process that serves it, a client, invented load.
//!
//! Not a crate of the product: nothing depends on it. Always: no sleeping, no fixed port, nobody's real data; a process that a
//! test started ends with the test; whoever waits, waits for the thing itself (a line, a socket, an exit).

pub mod armed;
pub mod client;
pub mod foils;
pub mod ledger;
pub mod load;
pub mod place;
pub mod scan;
pub mod served;
pub mod settings;
