//! Everything that answers over HTTP, and the process that it answers from.
//!
//! ```text
//! config ─▶ serve: harden, open, listen ─▶ host: engine, keeper, projector ─▶ http: doors, questions, tiles, governance
//! ```
//!
//! What comes in: requests over TCP or the owner's Unix socket. What goes out: foils, answers, problems, tiles.
//! What always holds: A-1 (an access event before any value), deny by default, no name of a person in a URL or a log.

pub mod config;
mod connections;
mod error;
mod facts;
mod feed;
pub mod fuzz;
pub mod host;
mod http;
mod identity;
mod keeping;
mod nightly;
mod owner;
mod projector;
mod serve;
mod verify;

pub use error::{Causes, ServeError};
pub use serve::{Options, Ready, serve};
