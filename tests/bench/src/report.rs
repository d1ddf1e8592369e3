//! What was measured, against what must be reached: one table for people and one JSON file for
//! programs, both from the same lines. What was not measured is not reached.

use serde_json::{Value, json};

use crate::lag::Lag;
use crate::probe::Probe;
use crate::trial::Trial;

/// One trial with the disk's probe just before it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) trial: Trial,
    pub(crate) probe: Probe,
    /// How far the view was behind, where the target has one.
    pub(crate) lag: Option<Lag>,
}

/// One figure that must be reached.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// `None`: not measured.
    pub(crate) value: Option<f64>,
    pub(crate) bound: Bound,
}

/// Which side of the limit is good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Everything of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) trials: Vec<Measured>,
    pub(crate) figures: Vec<Figure>,
    /// What was not run or is worth knowing, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Figure {
    /// Whether it was reached; `None` when it was not measured.
    pub(crate) fn passed(&self) -> Option<bool> {
        self.value.map(|value| match self.bound {
            Bound::AtLeast(limit) => value >= limit,
            Bound::AtMost(limit) => value <= limit,
        })
    }

    fn line(&self) -> String {
        let (sign, limit) = match self.bound {
            Bound::AtLeast(limit) => (">=", limit),
            Bound::AtMost(limit) => ("<=", limit),
        };
        let value = self
            .value
            .map_or("-".to_owned(), |value| format!("{value:.2}"));
        let verdict = match self.passed() {
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
            None => "NOT REACHED: not measured",
        };
        format!("{:<66} {value:>12} {sign} {limit:<8} {verdict}", self.name)
    }
}

impl Report {
    /// The trial of this target and shape, where it was run.
    pub(crate) fn trial(&self, target: &str, shape: &str) -> Option<&Measured> {
        self.trials
            .iter()
            .find(|m| m.trial.target == target && m.trial.shape.name() == shape)
    }

    /// Whether every figure was measured and reached.
    pub(crate) fn holds(&self) -> bool {
        self.figures
            .iter()
            .all(|figure| figure.passed() == Some(true))
    }

    /// The table.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            format!("machine: {}", self.machine),
            String::new(),
            format!(
                "{:<10} {:>9} {:>10} {:>9} {:>9} {:>8} {:>8}   {:>15} {:>15}   {}",
                "target",
                "shape",
                "events/s",
                "p50 us",
                "p99 us",
                "events",
                "load us",
                "append 50/99 us",
                "in place 50/99",
                "view lag: most, at end, caught up after"
            ),
        ];
        lines.extend(self.trials.iter().map(trial_line));
        lines.push(String::new());
        lines.extend(self.figures.iter().map(Figure::line));
        lines.push(String::new());
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines.join("\n") + "\n"
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let trials: Vec<Value> = self.trials.iter().map(trial_json).collect();
        let figures: Vec<Value> = self.figures.iter().map(figure_json).collect();
        json!({ "machine": self.machine, "trials": trials, "figures": figures, "notes": self.notes })
    }
}

fn trial_line(measured: &Measured) -> String {
    let Measured { trial, probe, lag } = measured;
    let lag = lag.map_or("-".to_owned(), |lag| {
        let caught_up = lag.caught_up_seconds;
        let caught_up = caught_up.map_or("not awaited".to_owned(), |s| format!("{s:.1} s"));
        format!("{}, {}, {caught_up}", lag.most, lag.at_end)
    });
    format!(
        "{:<10} {:>9} {:>10.0} {:>9.0} {:>9.0} {:>8} {:>8.2}   {:>7.0}/{:>7.0} {:>7.0}/{:>7.0}   {lag}",
        trial.target,
        trial.shape.name(),
        trial.rate(),
        trial.percentile_us(0.5),
        trial.percentile_us(0.99),
        trial.events(),
        trial.load_us(),
        probe.append_median_us,
        probe.append_p99_us,
        probe.in_place_median_us,
        probe.in_place_p99_us,
    )
}

fn trial_json(measured: &Measured) -> Value {
    let Measured { trial, probe, lag } = measured;
    json!({
        "target": trial.target,
        "clients": trial.shape.clients,
        "events_per_request": trial.shape.events_per_request,
        "seconds": trial.seconds,
        "events": trial.events(),
        "events_per_second": trial.rate(),
        "median_us": trial.percentile_us(0.5),
        "p99_us": trial.percentile_us(0.99),
        "answer_bytes": trial.answer_bytes,
        "load_cpu_us_per_event": trial.load_us(),
        "view_lag_most": lag.map(|lag| lag.most),
        "view_lag_at_end": lag.map(|lag| lag.at_end),
        "view_caught_up_seconds": lag.and_then(|lag| lag.caught_up_seconds),
        "probe_append_median_us": probe.append_median_us,
        "probe_append_p99_us": probe.append_p99_us,
        "probe_in_place_median_us": probe.in_place_median_us,
        "probe_in_place_p99_us": probe.in_place_p99_us,
    })
}

fn figure_json(figure: &Figure) -> Value {
    let (bound, limit) = match figure.bound {
        Bound::AtLeast(limit) => ("at_least", limit),
        Bound::AtMost(limit) => ("at_most", limit),
    };
    json!({ "name": figure.name, "value": figure.value, bound: limit, "reached": figure.passed() })
}

#[test]
fn what_was_not_measured_is_not_reached() {
    let figure = |value, bound| Figure {
        name: "x".to_owned(),
        value,
        bound,
    };
    assert_eq!(
        figure(Some(20.0), Bound::AtLeast(20.0)).passed(),
        Some(true)
    );
    assert_eq!(
        figure(Some(19.9), Bound::AtLeast(20.0)).passed(),
        Some(false)
    );
    assert_eq!(figure(Some(2.3), Bound::AtMost(2.2)).passed(), Some(false));
    let missing = figure(None, Bound::AtMost(2.2));
    assert_eq!(missing.passed(), None);
    assert!(missing.line().ends_with("not measured"));
}
