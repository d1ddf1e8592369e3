//! The views: one folder or file each, folded from records alone.
//!
//! What it is not: it opens no slot, holds no personal value and no person; rows are keyed by stream.
//! Questions that span streams join them in memory, in the process that owns the vault.
//! What always holds: a view is a pure function of records (P-1), and every row can be told what to
//! forget when a record key is destroyed.

pub mod customer;

pub use customer::Customer;
