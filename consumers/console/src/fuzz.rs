//! Fuzz body for the one parser of outside bytes in this crate: a plain function that must not panic.
//!
//! Run over the example's mutations on stable; cargo-fuzz wraps the same function.

use crate::config::Config;

/// A configuration file. What is accepted can be asked for everything that a start asks.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match toml::from_str::<Config>(text) {
        Err(refused) => assert!(!refused.to_string().is_empty(), "a refusal says its rule"),
        Ok(config) => match config.check() {
            Err((key, rule)) => assert!(!key.is_empty() && !rule.is_empty()),
            Ok(()) => drop((config.settings(), config.nightly_at_ms(), config.socket())),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ground::SeededRandom;

    use super::*;

    const MUTATIONS: usize = 2_000;
    const PIECES: [&str; 8] = ["\"", "\n", "= ", "[", "]", "-1", "99:99", "\u{e9}"];

    #[test]
    fn mutations_of_the_example_are_refused_or_whole() {
        let (listen, origin) = ("127.0.0.1:0", "test.westmere.example/counterfoil");
        let listen = listen.parse().expect("an address");
        let example = Config::example(
            origin,
            Path::new("/l"),
            Path::new("/c"),
            64,
            true,
            listen,
            proto::ChainNumber(0),
        );
        let random = SeededRandom::new(21);
        let below = |limit: usize| {
            usize::try_from(random.below(limit.max(1) as u64)).expect("below a usize")
        };
        config(example.as_bytes());
        for _ in 0..MUTATIONS {
            let mut bytes = example.clone().into_bytes();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                match below(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => drop(bytes.remove(at)),
                    2 => bytes[at] = u8::try_from(below(256)).expect("below 256"),
                    _ => drop(bytes.splice(at..at, PIECES[below(PIECES.len())].bytes())),
                }
            }
            config(&bytes);
        }
    }
}
