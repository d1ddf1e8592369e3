//! The door, scripted: `scenarios/*.txt` in, a snapshot of what it answered, recorded and counted out.
//!
//! The ledger behind it is a double ([`double`]): what is judged here is the door and admission.
//! Always: no answer holds a planted value; each scenario says what was recorded around a refusal.
//!
//! A scenario has directives (`plant: TEXT`, `as: PUBLISHER`, `ledger: open|full|stopped|draining`),
//! then requests, each `=== METHOD PATH`, headers, an empty line, and the body. In a body
//! `<<good>>` is a good event with an id of its own, `<<good TEXT=>OTHER>>` one with a text of it
//! replaced, `<<TEXT*N>>` a text N times, `<<hex AA BB>>` bytes.

#[path = "door/double.rs"]
mod double;
#[path = "door/script.rs"]
mod script;

use std::fmt::Write;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::Response;
use tower::ServiceExt;

use double::Bench;
use script::{Ask, Scenario};

/// Headers of an answer that a snapshot shows.
const SHOWN: &[&str] = &[
    "content-type",
    "retry-after",
    "traceparent",
    "www-authenticate",
];

#[test]
fn scenarios() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "txt"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 20, "every bad input has a scenario");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a text file");
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let shown = runtime.block_on(run(&name, &Scenario::parse(&text)));
        let settings = snapshot_settings();
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
}

fn snapshot_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Runs one scenario on a fresh ledger.
async fn run(name: &str, scenario: &Scenario) -> String {
    let bench = Bench::new(&scenario.ledger);
    let router = intake::door::router(bench.door.clone());
    let mut shown = String::new();
    for ask in &scenario.asks {
        let request = ask.request(&bench);
        let response = router
            .clone()
            .oneshot(request)
            .await
            .expect("the router never fails");
        let answer = show(response).await;
        for planted in &scenario.planted {
            assert!(
                !answer.contains(planted),
                "{name}: the answer echoes a planted value"
            );
        }
        let _ = writeln!(shown, "=== {}\n{answer}", Ask::line(ask));
    }
    let _ = write!(shown, "{}", bench.left_behind(&scenario.planted));
    shown
}

async fn show(response: Response<Body>) -> String {
    let mut shown = format!("{}\n", response.status());
    for name in SHOWN {
        if let Some(value) = response.headers().get(*name) {
            let _ = writeln!(shown, "{name}: {}", value.to_str().expect("ASCII"));
        }
    }
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("a body");
    match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(value) => {
            let pretty = serde_json::to_string_pretty(&value).expect("JSON can be written");
            let _ = writeln!(shown, "\n{pretty}");
        }
        Err(_) => {
            let _ = writeln!(shown, "\n{}", String::from_utf8_lossy(&body));
        }
    }
    shown
}
