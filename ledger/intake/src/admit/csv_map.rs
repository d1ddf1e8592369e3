//! A declarative map from the rows of a CSV file to CloudEvents, for `counterfoil publish --map`.
//!
//! It sends nothing and knows no catalogue: what it writes goes through the door like any other
//! event. Always: one row is in memory at a time; a row gives exactly one event or one explained
//! error, which names line, column, field and rule and never the value (S-1); every column of the
//! file is used or listed as dropped with a reason.

mod map;
mod rows;
mod values;

pub use map::{CsvMap, MapError};
pub use rows::{MappedRow, RowError, Rows};

/// Largest row, in bytes; an unclosed quote is found here instead of in memory.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Largest map, in bytes.
pub const MAP_BYTES_MAX: usize = 256 * 1024;
/// Most columns of a file.
pub const COLUMNS_MAX: usize = 256;

#[cfg(test)]
mod tests;
