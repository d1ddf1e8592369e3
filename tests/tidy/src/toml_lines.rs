//! As much TOML as the manifests and policy files of this repository use: sections, `key = value` lines
//! and arrays over several lines. Not a parser; what it does not understand it leaves out, and the
//! manifests themselves are judged by cargo.

/// A `key = value` of a section, with the line (from 1) on which it begins. The value is as written,
/// an array over several lines joined into one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// All entries of the text, in order.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut section = String::new();
    let mut open_brackets = 0_i64;
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        if open_brackets > 0 {
            if let Some(last) = found.last_mut() {
                last.value.push(' ');
                last.value.push_str(line);
            }
            open_brackets += balance(line);
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            open_brackets = balance(&value);
            found.push(Entry {
                section: section.clone(),
                key,
                value,
                line: number + 1,
            });
        }
    }
    found
}

/// The double-quoted strings of a value, in order.
pub(crate) fn strings(value: &str) -> Vec<String> {
    value
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => in_string = !in_string,
            '#' if !in_string => return line.split_at(at).0,
            _ => {}
        }
    }
    line
}

fn balance(text: &str) -> i64 {
    let mut in_string = false;
    text.chars().fold(0, |depth, c| {
        in_string ^= c == '"';
        match c {
            '[' | '{' if !in_string => depth + 1,
            ']' | '}' if !in_string => depth - 1,
            _ => depth,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{entries, strings};

    #[test]
    fn sections_keys_and_long_arrays_are_read() {
        let text =
            "top = 1\n[a.b] # x\nk = [\n  \"one\", # no\n  \"t#o\",\n]\nl.workspace = true\n";
        let found = entries(text);
        assert_eq!(found.len(), 3);
        assert_eq!(
            (
                found[1].section.as_str(),
                found[1].key.as_str(),
                found[1].line
            ),
            ("a.b", "k", 3)
        );
        assert_eq!(strings(&found[1].value), ["one", "t#o"]);
        assert_eq!(found[2].key, "l.workspace");
    }
}
