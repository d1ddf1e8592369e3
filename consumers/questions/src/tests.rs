//! Tests of the questions over an invented ledger.

mod access_first;
mod answers;
mod as_of;
mod ledger;
