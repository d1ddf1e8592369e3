//! Tests of the questions over an invented ledger.
