//! What became of every event of a file: counts, the first refusals in full, all of them by code.

use std::collections::BTreeMap;
use std::fmt::Write;

use intake::admit::csv_map::CsvMap;
use serde_json::{Value, json};

use super::sender::Settled;
use super::source::Refused;
use crate::output::plain;
use crate::table::Table;

/// The counts.
pub(super) struct Tally<'m> {
    accepted: u64,
    repeated: u64,
    refused: u64,
    by_code: BTreeMap<String, u64>,
    listed: Vec<Refused>,
    list_max: usize,
    map: Option<&'m CsvMap>,
}

impl<'m> Tally<'m> {
    /// Nothing is settled yet; so many refusals will be listed.
    pub(super) fn new(list_max: usize, map: Option<&'m CsvMap>) -> Self {
        Self {
            accepted: 0,
            repeated: 0,
            refused: 0,
            by_code: BTreeMap::new(),
            listed: Vec::new(),
            list_max,
            map,
        }
    }

    /// Events that are settled, however.
    pub(super) fn seen(&self) -> u64 {
        self.accepted + self.repeated + self.refused
    }

    /// Events that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// The door's word on one event.
    pub(super) fn settle(&mut self, line: u64, settled: Settled) {
        match settled {
            Settled::Accepted => self.accepted += 1,
            Settled::Repeated => self.repeated += 1,
            Settled::Refused(problem) => self.refuse(Refused {
                line,
                column: self.column(&problem.field),
                field: problem.field,
                code: problem.code,
                rule: problem.rule,
            }),
        }
    }

    /// An event that is not recorded.
    pub(super) fn refuse(&mut self, refused: Refused) {
        self.refused += 1;
        *self.by_code.entry(refused.code.clone()).or_default() += 1;
        if self.listed.len() < self.list_max {
            self.listed.push(refused);
        }
    }

    /// The column that a map fills the field from.
    fn column(&self, field: &str) -> String {
        let field = field.strip_prefix("data.").unwrap_or(field);
        let column = self.map.and_then(|map| map.column_of(field));
        column.unwrap_or_default().to_owned()
    }

    /// The first refusals, a line each, for people.
    pub(super) fn listed(&self) -> String {
        let mut text = String::new();
        for refused in &self.listed {
            put(&mut text, &format!("{}\n", sentence(refused)));
        }
        let unlisted = self.refused - self.listed.len() as u64;
        if unlisted > 0 {
            put(
                &mut text,
                &format!("… and {unlisted} more; --list N lists more of them\n"),
            );
        }
        text
    }

    /// The counts, for people.
    pub(super) fn counts(&self, dry_run: bool) -> String {
        let mut text = String::new();
        let accepted = if dry_run {
            "would be accepted"
        } else {
            "accepted"
        };
        put(&mut text, &format!("{:>9} {accepted}\n", self.accepted));
        if !dry_run {
            put(
                &mut text,
                &format!(
                    "{:>9} repeated (recorded before, nothing changed)\n",
                    self.repeated
                ),
            );
        }
        put(&mut text, &format!("{:>9} refused\n", self.refused));
        for (code, count) in &self.by_code {
            put(&mut text, &format!("{count:>13} {}\n", plain(code)));
        }
        text
    }

    /// The first refusals, a row each, for spreadsheets.
    pub(super) fn table(&self) -> Table {
        let rows = self.listed.iter().map(|one| {
            let place = [one.line.to_string(), one.column.clone(), one.field.clone()];
            let why = [one.code.clone(), one.rule.clone()];
            place.into_iter().chain(why).collect()
        });
        Table {
            heads: vec!["line", "column", "field", "code", "rule"],
            rows: rows.collect(),
        }
    }

    /// For programs.
    pub(super) fn to_json(&self, dry_run: bool) -> Value {
        let listed = self.listed.iter().map(|one| {
            json!({
                "line": one.line,
                "column": one.column,
                "field": one.field,
                "code": one.code,
                "rule": one.rule,
            })
        });
        json!({
            "dry_run": dry_run,
            "accepted": self.accepted,
            "repeated": self.repeated,
            "refused": self.refused,
            "refused_by_code": self.by_code,
            "listed": listed.collect::<Vec<_>>(),
        })
    }
}

fn put(text: &mut String, more: &str) {
    text.write_str(more).expect("a string takes all");
}

fn sentence(refused: &Refused) -> String {
    let part = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!(", {name} {value}"),
    };
    plain(&format!(
        "line {}{}{}: {}: {}",
        refused.line,
        part("column", &refused.column),
        part("field", &refused.field),
        refused.code,
        refused.rule
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_code_and_the_first_are_listed() {
        let mut tally = Tally::new(1, None);
        tally.settle(1, Settled::Accepted);
        tally.settle(2, Settled::Repeated);
        for line in [3, 4] {
            tally.refuse(Refused {
                field: "data.subject".to_owned(),
                ..Refused::whole(line, "REQUIRED", "has to be there")
            });
        }
        assert_eq!((tally.seen(), tally.refused()), (4, 2));
        let text = "line 3, field data.subject: REQUIRED: has to be there\n\
            … and 1 more; --list N lists more of them\n        1 accepted\n        \
            1 repeated (recorded before, nothing changed)\n        2 refused\n            2 REQUIRED\n";
        assert_eq!(tally.listed() + &tally.counts(false), text);
        let row = "3,,data.subject,REQUIRED,has to be there";
        assert!(tally.table().csv().contains(row));
        let json = tally.to_json(false);
        assert_eq!(json["refused_by_code"]["REQUIRED"], 2);
    }
}
