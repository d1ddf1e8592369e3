//! The journal as a whole on a simulated disk. See the files in `tests/`.

mod following;
mod recovery;
mod stores;
mod syncs;
mod writing;
