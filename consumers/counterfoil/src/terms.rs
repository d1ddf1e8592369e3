//! Values that name a person: from a prompt, standard input or a file, never from the command line.
//!
//! A line each, `name=…`, `postcode=…`, `date-of-birth=…`, `email=…`, `telephone=…`,
//! `alias=system:id`. Where data are invented (an origin that begins with `test.`) they may be
//! arguments too, since nothing is given away in a shell's history there. Always: an error names the
//! line and the rule, never what the line says.

use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use proto::Personal;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;

/// Largest list of values, in bytes.
const LIST_BYTES_MAX: u64 = 64 * 1024;
const KINDS: [&str; 5] = ["name", "date-of-birth", "postcode", "email", "telephone"];
const RULE: &str = "values that name a person come from a prompt, standard input or --from FILE, \
    never from arguments: a command line is seen by every user of the machine and kept in the \
    shell's history. Only a ledger whose origin begins with `test.` takes them as arguments";

/// How a person is named on a command line.
#[derive(Args, Debug)]
pub(crate) struct TermArguments {
    /// Read the values from a file, a line each: name=…, postcode=…, date-of-birth=…, email=…,
    /// telephone=…, alias=system:id; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Name (as an argument on test. origins only, like those below)
    #[arg(long)]
    name: Vec<String>,
    /// Postcode
    #[arg(long)]
    postcode: Vec<String>,
    /// Date of birth, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    date_of_birth: Vec<String>,
    /// E-mail address
    #[arg(long)]
    email: Vec<String>,
    /// Telephone number
    #[arg(long)]
    telephone: Vec<String>,
    /// Number in one of the council's systems, as system:id
    #[arg(long, value_name = "SYSTEM:ID")]
    alias: Vec<String>,
}

/// One value.
pub(crate) struct Term {
    kind: &'static str,
    system: String,
    text: Personal<String>,
}

impl Term {
    fn to_json(&self) -> Value {
        json!({ "kind": self.kind, "system": self.system, "text": self.text.expose() })
    }
}

impl TermArguments {
    /// The values, from wherever they are given.
    ///
    /// # Errors
    /// For arguments on a ledger with real data; for a line that is no value; where there is none.
    pub(crate) fn read(&self, is_test: bool) -> Result<Vec<Term>, Failure> {
        let given = self.given()?;
        let terms = match (&self.from, given.is_empty()) {
            (_, false) if !is_test => return Err(Failure::usage(RULE)),
            (Some(_), false) => {
                return Err(Failure::usage("either --from or arguments, not both"));
            }
            (None, false) => given,
            (Some(path), true) => lines(&content(path)?)?,
            (None, true) if std::io::stdin().is_terminal() => prompt()?,
            (None, true) => lines(&content(Path::new("-"))?)?,
        };
        if terms.is_empty() {
            return Err(Failure::usage(
                "no value that names a person; a line each, such as name=… and postcode=…",
            ));
        }
        Ok(terms)
    }

    fn given(&self) -> Result<Vec<Term>, Failure> {
        let lists = [
            &self.name,
            &self.date_of_birth,
            &self.postcode,
            &self.email,
            &self.telephone,
        ];
        let mut terms = Vec::new();
        for (kind, values) in KINDS.into_iter().zip(lists) {
            for value in values {
                terms.push(term(kind, value).map_err(Failure::usage)?);
            }
        }
        for value in &self.alias {
            terms.push(term("alias", value).map_err(Failure::usage)?);
        }
        Ok(terms)
    }
}

/// The values as the ledger's socket takes them.
pub(crate) fn to_json(terms: &[Term]) -> Value {
    terms.iter().map(Term::to_json).collect()
}

fn content(path: &Path) -> Result<Personal<String>, Failure> {
    let mut text = Personal::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LIST_BYTES_MAX)
            .read_to_string(text.expose_mut())
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(LIST_BYTES_MAX).read_to_string(text.expose_mut()))
    };
    read.map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text)
}

fn prompt() -> Result<Vec<Term>, Failure> {
    output::aside("Whom? A line each (an empty line ends):");
    for kind in KINDS {
        output::aside(&format!("  {kind}=…"));
    }
    output::aside("  alias=system:id");
    let mut terms = Vec::new();
    loop {
        output::aside_part("> ");
        let mut line = Personal::new(String::new());
        let read = std::io::stdin().lock().read_line(line.expose_mut());
        let read = read.map_err(|error| Failure::refused(&error))?;
        if read == 0 || line.expose().trim().is_empty() {
            return Ok(terms);
        }
        match of_line(line.expose()) {
            Ok(term) => terms.push(term),
            Err(rule) => output::aside(rule),
        }
    }
}

fn lines(text: &Personal<String>) -> Result<Vec<Term>, Failure> {
    let mut terms = Vec::new();
    for (number, line) in text.expose().lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let term = of_line(line);
        terms.push(term.map_err(|rule| Failure::Usage(format!("line {}: {rule}", number + 1)))?);
    }
    Ok(terms)
}

fn of_line(line: &str) -> Result<Term, &'static str> {
    let (key, value) = line
        .split_once('=')
        .ok_or("a value is key=value, such as name=… or alias=system:id")?;
    let key = key.trim();
    if key == "alias" {
        return term("alias", value);
    }
    match KINDS.into_iter().find(|&kind| kind == key) {
        Some(kind) => term(kind, value),
        None => Err("the keys are name, date-of-birth, postcode, email, telephone and alias"),
    }
}

fn term(kind: &'static str, value: &str) -> Result<Term, &'static str> {
    let value = value.trim();
    let (system, text) = if kind == "alias" {
        value.split_once(':').ok_or("an alias is system:id")?
    } else {
        ("", value)
    };
    if text.is_empty() || (kind == "alias" && system.is_empty()) {
        return Err("a value is empty");
    }
    Ok(Term {
        kind,
        system: system.to_owned(),
        text: Personal::from(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Value, String> {
        match lines(&Personal::from(text)) {
            Ok(terms) => Ok(to_json(&terms)),
            Err(failure) => Err(failure.message().unwrap_or_default().to_owned()),
        }
    }

    fn arguments(name: &[&str], from: Option<&str>) -> TermArguments {
        TermArguments {
            from: from.map(PathBuf::from),
            name: name.iter().map(|&name| name.to_owned()).collect(),
            postcode: Vec::new(),
            date_of_birth: Vec::new(),
            email: Vec::new(),
            telephone: Vec::new(),
            alias: Vec::new(),
        }
    }

    #[test]
    fn lines_become_terms() {
        let text = "# whom\nname=Ada  Underhill \n\npostcode = WM1 4AB\nalias=crm:C:17\n";
        let expected = json!([
            {"kind": "name", "system": "", "text": "Ada  Underhill"},
            {"kind": "postcode", "system": "", "text": "WM1 4AB"},
            {"kind": "alias", "system": "crm", "text": "C:17"},
        ]);
        assert_eq!(check(text), Ok(expected));
    }

    #[test]
    fn a_bad_line_is_named_by_number_and_never_shown() {
        for text in [
            "name=a\nAda Underhill",
            "name=a\ncolour=Ada",
            "\nalias=Ada",
            "\nname=",
        ] {
            let said = check(text).expect_err("refused");
            assert!(said.starts_with("line 2: "), "{said}");
            assert!(!said.contains("Ada"), "{said}");
        }
    }

    #[test]
    fn arguments_are_for_invented_data_alone() {
        assert_eq!(
            arguments(&["x"], None).read(true).map(|terms| terms.len()),
            Ok(1)
        );
        let refused = arguments(&["x"], None).read(false).err();
        assert_eq!(refused, Some(Failure::usage(RULE)));
        let both = arguments(&["x"], Some("file")).read(true).err();
        assert!(both.is_some());
    }
}
