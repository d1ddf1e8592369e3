//! Rust source with comments and literals blanked out, so that braces and words can be counted. Not a
//! parser: it knows comments, strings, raw strings, characters and lifetimes, and nothing else. The
//! blanked text has exactly the lines of the original.

/// The text with the inside of every comment, string and character literal replaced by spaces.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next(1) == '/' => line_end(chars, at),
        '/' if next(1) == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' if !in_word && matches!(next(1), '"' | '#') => raw_string_end(chars, at, 1),
        'b' if !in_word && next(1) == 'r' => raw_string_end(chars, at, 2),
        '\'' => character_end(chars, at),
        _ => at,
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..]
        .iter()
        .position(|&c| c == '\n')
        .map_or(chars.len(), |n| at + n)
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut here = at;
    while here < chars.len() {
        match (chars[here], chars.get(here + 1)) {
            ('/', Some('*')) => (depth, here) = (depth + 1, here + 2),
            ('*', Some('/')) => (depth, here) = (depth - 1, here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            return here;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut here = from;
    while here < chars.len() {
        match chars[here] {
            '\\' => here += 2,
            '"' => return here + 1,
            _ => here += 1,
        }
    }
    chars.len()
}

/// `prefix` is the length of `r` or `br`; a raw identifier (`r#type`) is not a literal.
fn raw_string_end(chars: &[char], at: usize, prefix: usize) -> usize {
    let hashes = chars[at + prefix..]
        .iter()
        .take_while(|&&c| c == '#')
        .count();
    if chars.get(at + prefix + hashes) != Some(&'"') {
        return at;
    }
    let mut here = at + prefix + hashes + 1;
    while here < chars.len() {
        let closes = chars[here] == '"'
            && chars[here + 1..]
                .iter()
                .take_while(|&&c| c == '#')
                .take(hashes)
                .count()
                == hashes;
        if closes {
            return here + 1 + hashes;
        }
        here += 1;
    }
    chars.len()
}

/// A character literal, or `at` where the quote begins a lifetime.
fn character_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let from = at + 3;
            let close = chars
                .get(from..)
                .and_then(|rest| rest.iter().position(|&c| c == '\''));
            close.map_or(at, |n| from + n + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::code_only;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let blanked: String = code_only(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(blanked, expected);
        assert_eq!(code_only(text).lines().count(), text.lines().count());
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check("a // }\nb", "a b");
        check("a /* { /* } */ { */ b", "a b");
        check(r#"f("}\"}") + 1"#, "f( ) + 1");
        check("f(r#\"} \" }\"#) + r#type", "f( ) + r#type");
        check("m('{', '\\'', b'}', '\\u{7d}') x", "m( , , b , ) x");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
    }
}
