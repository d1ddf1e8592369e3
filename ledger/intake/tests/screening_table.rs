//! Every sealed free text of the catalogue with how it is screened, as one table that people review:
//! a new field shows up as a difference.

use std::fmt::Write;

use intake::admit::screen::Texts;

#[test]
fn screening_table() {
    let mut table = String::new();
    for (message, field) in proto::sealed_text_fields() {
        let screened = match Texts::of(message, field) {
            Texts {
                cards: true,
                words: true,
            } => "cards, words",
            Texts {
                cards: true,
                words: false,
            } => "cards",
            Texts {
                cards: false,
                words: true,
            } => "words",
            Texts {
                cards: false,
                words: false,
            } => "-",
        };
        let _ = writeln!(table, "{message}.{field}: {screened}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("screening_table", table));
}
