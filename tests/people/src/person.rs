//! One invented resident of Westmere. A person is a number: everything else follows from it, so that
//! nothing has to be stored and the same number is the same person everywhere.

use crate::seeded::Seeded;

const GIVEN: [&str; 40] = [
    "Ada", "Alun", "Amina", "Arthur", "Beatrix", "Bram", "Carys", "Cedric", "Chidi", "Clara",
    "Daljit", "Dorothy", "Edwin", "Elspeth", "Farah", "Fergus", "Gita", "Gwen", "Harold", "Hester",
    "Idris", "Imogen", "Ivor", "Jasmin", "Kofi", "Leonie", "Mabel", "Maeve", "Nadia", "Oswin",
    "Perpetua", "Quentin", "Rowena", "Saoirse", "Tarik", "Una", "Vikram", "Winifred", "Yusuf",
    "Zelda",
];
const FAMILY: [&str; 40] = [
    "Ashdown",
    "Barrowclough",
    "Birtwistle",
    "Calloway",
    "Chowdhury",
    "Copperwheat",
    "Dunmore",
    "Eccleshall",
    "Fairweather",
    "Featherstone",
    "Gaskarth",
    "Greenhalgh",
    "Hardacre",
    "Inglenook",
    "Jellicoe",
    "Kettlewell",
    "Lamplugh",
    "Longbottom",
    "Mapplebeck",
    "Merriweather",
    "Nightingale",
    "Oakenfull",
    "Okonkwo",
    "Penhaligon",
    "Postlethwaite",
    "Quickfall",
    "Ravenscroft",
    "Sandiford",
    "Sidhu",
    "Skelhorn",
    "Tattersall",
    "Thistlewood",
    "Underhill",
    "Venables",
    "Wadsworth",
    "Whitlock",
    "Winterbourne",
    "Wolstenholme",
    "Yardley",
    "Zielinski",
];
const STREETS: [&str; 16] = [
    "Mere Road",
    "Tannery Lane",
    "Old Ropewalk",
    "Heron Close",
    "Pinfold Street",
    "Quarry Bank",
    "Lock Cottages",
    "Chandlers Row",
    "Sedge Way",
    "Windmill Rise",
    "Osier Gardens",
    "Ferry Street",
    "Sluice Terrace",
    "Kiln Yard",
    "Wharf Parade",
    "Bittern Drive",
];
/// Beginnings of the numbers that Ofcom keeps for drama; three digits follow.
const DRAMA_NUMBERS: [&str; 17] = [
    "0113 496 0",
    "0114 496 0",
    "0115 496 0",
    "0116 496 0",
    "0117 496 0",
    "0118 496 0",
    "0121 496 0",
    "0131 496 0",
    "0141 496 0",
    "0151 496 0",
    "0161 496 0",
    "020 7946 0",
    "0191 498 0",
    "028 9649 6",
    "029 2018 0",
    "01632 960",
    "07700 900",
];
/// Postcode areas that do not exist.
const AREAS: [&str; 4] = ["ZZ", "ZX", "XZ", "QZ"];
const INWARD_LETTERS: &[u8] = b"ABDEFGHJLNPQRSTUWXYZ";

/// An invented person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Which person: everything else follows from it.
    pub number: u64,
    /// Given and family name.
    pub name: String,
    /// Year-month-day, between 1935 and 2007.
    pub date_of_birth: String,
    /// House number and street.
    pub address: String,
    /// Of an area that does not exist.
    pub postcode: String,
    /// At example.org or example.com.
    pub email: String,
    /// One that Ofcom keeps for drama.
    pub telephone: String,
}

impl Person {
    /// The person of this number.
    pub fn of(number: u64) -> Person {
        let mut random = Seeded::new(number ^ 0x5745_5354_4d45_5245);
        let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
        let host = random.pick(&["example.org", "example.com"]);
        let (year, month) = (1935 + random.below(73), 1 + random.below(12));
        let date_of_birth = format!("{year}-{month:02}-{:02}", 1 + random.below(28));
        let address = format!("{} {}", 1 + random.below(180), random.pick(&STREETS));
        let telephone = format!("{}{:03}", random.pick(&DRAMA_NUMBERS), random.below(1_000));
        let lower = (given.to_lowercase(), family.to_lowercase());
        Person {
            number,
            name: format!("{given} {family}"),
            date_of_birth,
            address,
            postcode: postcode(&mut random),
            email: format!("{}.{}{number}@{host}", lower.0, lower.1),
            telephone,
        }
    }
}

fn postcode(random: &mut Seeded) -> String {
    let mut letter = || {
        let at = random.below(INWARD_LETTERS.len() as u64) as usize;
        char::from(INWARD_LETTERS.get(at).copied().unwrap_or(b'A'))
    };
    let (first, second) = (letter(), letter());
    let (area, district) = (random.pick(&AREAS), 1 + random.below(20));
    format!("{area}{district} {}{first}{second}", 1 + random.below(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_its_number() {
        assert_eq!(Person::of(42), Person::of(42));
        assert_ne!(Person::of(42), Person::of(43));
    }

    #[test]
    fn nobody_can_be_reached() {
        for number in 0..2_000 {
            let person = Person::of(number);
            let host = person.email.rsplit('@').next().unwrap_or_default();
            assert!(["example.org", "example.com"].contains(&host), "{person:?}");
            assert!(
                AREAS.iter().any(|area| person.postcode.starts_with(area)),
                "{person:?}"
            );
            assert!(
                DRAMA_NUMBERS
                    .iter()
                    .any(|n| person.telephone.starts_with(n)),
                "{person:?}"
            );
        }
    }
}
