//! Which sealed texts are screened, and for what.
//!
//! The catalogue says where a text lies; this file says what it is for. Always: a field that nobody
//! has named here is free text and screened for both; a test prints the whole table, so that a new
//! field of the catalogue shows up in a review.

/// How a sealed text is screened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts {
    /// For card numbers.
    pub cards: bool,
    /// For words of special categories.
    pub words: bool,
}

/// Numbers, references and addresses of machines: a card's shape means nothing here.
const TYPED: Texts = Texts {
    cards: false,
    words: false,
};
/// Names and places: "Gay", "Quaker Lane" and "St Mary's Hospital" are no findings.
const NAMES: Texts = Texts {
    cards: true,
    words: false,
};
/// Texts in which words of special categories are expected.
const MEANT: Texts = NAMES;
/// Everything else.
const FREE: Texts = Texts {
    cards: true,
    words: true,
};

impl Texts {
    /// How the field of a message is screened, by the names of the catalogue.
    pub fn of(message: &str, field: &str) -> Self {
        match (message, field) {
            ("Alias", _)
            | (
                "Person",
                "date_of_birth" | "postcode" | "uprn" | "emails" | "telephones" | "ni_number"
                | "web_identifier",
            )
            | ("Envelope", _)
            | ("FormValue", "field" | "data_class")
            | ("OpenedItem", _) => TYPED,
            ("Person", "name" | "former_names" | "address_lines" | "post" | "body")
            | (_, "location") => NAMES,
            // Why a body that prosecutes or protects asks: offences and health belong here.
            ("DisclosureRequested", "request_text" | "grounds")
            | ("DisclosureMade", "reasons" | "prejudice_reasons") => MEANT,
            (_, field) if field.ends_with("_reference") || field == "receipt" => TYPED,
            _ => FREE,
        }
    }
}
