//! Luhn and issuer ranges as properties; words and their neighbours as examples.

use proptest::prelude::*;

use super::cards::luhn;
use super::*;

/// A number of the prefix and length with a right check digit.
fn number(prefix: &str, length: usize, filling: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = prefix.bytes().map(|b| b - b'0').collect();
    digits.extend(filling.iter().cycle().take(length - 1 - digits.len()));
    digits.push(0);
    let check = (0..10).find(|last| {
        *digits.last_mut().expect("not empty") = *last;
        luhn(&digits)
    });
    assert!(check.is_some(), "one check digit always fits");
    digits
}

fn written(digits: &[u8], separators: &[&str], groups: usize) -> String {
    let mut text = String::new();
    for (place, digit) in digits.iter().enumerate() {
        if place > 0 && place % groups == 0 {
            text.push_str(separators[place / groups % separators.len()]);
        }
        text.push(char::from(b'0' + digit));
    }
    text
}

proptest! {
    #[test]
    fn every_range_is_found_however_it_is_written(
        place in any::<prop::sample::Index>(),
        filling in prop::collection::vec(0_u8..10, 16),
        separator in prop::sample::select(vec![
            "", " ", "-", "  ", " - ", "\u{a0}", "\u{2013}", ".", "/", "_", ":", "\u{b7}", "\u{202f}", "\u{200b}", "/ ",
        ]),
        groups in 3_usize..7,
        before in "[a-z]{0,8}[ :.,]?",
        after in "[ .,;]?[a-z]{0,8}",
    ) {
        let cards = &Screen::shipped().cards;
        let samples = cards.samples();
        let (prefix, length) = place.get(&samples);
        let digits = number(prefix, *length, &filling);
        let text = format!("{before}{}{after}", written(&digits, &[separator], groups));
        prop_assert!(cards.found_in(&text), "a number of prefix {prefix} was missed");
    }

    #[test]
    fn a_wrong_check_digit_is_no_card(
        place in any::<prop::sample::Index>(),
        filling in prop::collection::vec(0_u8..10, 16),
        off in 1_u8..10,
    ) {
        let cards = &Screen::shipped().cards;
        let samples = cards.samples();
        let (prefix, length) = place.get(&samples);
        let mut digits = number(prefix, *length, &filling);
        let last = digits.last_mut().expect("not empty");
        *last = (*last + off) % 10;
        prop_assert!(!cards.found_in(&written(&digits, &[""], 19)));
    }

    #[test]
    fn neighbours_swapped_are_caught_by_luhn_unless_0_and_9(
        mut digits in prop::collection::vec(0_u8..10, 16),
        at in 0_usize..15,
    ) {
        let (left, right) = (digits[at], digits[at + 1]);
        prop_assume!(left != right && left + right != 9);
        let before = luhn(&digits);
        digits.swap(at, at + 1);
        prop_assert!(!(before && luhn(&digits)));
    }

    #[test]
    fn no_text_breaks_the_search(text in any::<String>()) {
        Screen::shipped().cards.found_in(&text);
        Screen::shipped().words.classes_in(&text);
    }
}

#[test]
fn known_numbers_and_what_only_looks_like_one() {
    let cards = &Screen::shipped().cards;
    // Test numbers that the card networks publish.
    for card in [
        "paid with 4111 1111 1111 1111 exp 12/27",
        "4111-1111-1111-1111",
        "4111 - 1111 - 1111 - 1111",
        "4012888888881881",
        "5555555555554444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "2223003122003222",
        "card:4111111111111111.",
        "01522 873333 4111 1111 1111 1111 123",
        "４１１１１１１１１１１１１１１１",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "4111.1111.1111.1111",
        "4111/1111/1111/1111, see above",
        "3782.822463.10005",
        "3056/930902/5904",
        "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
        "4111\u{202f}1111\u{2007}1111\u{3000}1111",
        "41\u{200b}1111\u{ad}1111111\u{2060}111",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "४१११११११११११११११",
        "𝟒𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏",
        "④①①①①①①①①①①①①①①①",
        "4111\u{fe63}1111\u{ff0d}1111\u{2012}1111",
        "4\u{338}111111111111111",
        "on 01/02/2025 paid with 4111.1111.1111.1111",
    ] {
        assert!(cards.found_in(card), "{card}");
    }
    for not in [
        "",
        "01522 873333",
        "+44 1522 873333 or 07700 900123",
        "UPRN 100030955811",
        "4111 1111 1111 1112",
        "ref 12345678901234567890123",
        "2025-11-22 05:19:33.123456",
        "NHS 943 476 5919",
        "4111x1111x1111x1111",
        "GB29 NWBK 6016 1331 9268 19",
        "x411111111111111100000000",
        "192.168.100.200/24",
        "255.255.255.255:65535",
        "v5.10.15.20250101",
        "51.507351/-0.127758",
        "grid TQ 30010 80424 / 530010 180424",
        "01522/873333/01522/873334",
        "£4,111.11 and £1,111.11",
    ] {
        assert!(!cards.found_in(not), "{not}");
    }
}

#[test]
fn a_text_of_nothing_but_digits_is_looked_at_once() {
    let cards = &Screen::shipped().cards;
    let text = "1 ".repeat(4_096);
    assert!(!cards.found_in(&text));
    let (groups, runs) = cards.looked_at(&text);
    assert_eq!(groups, 4_096);
    // Of each group the runs that begin there, up to the 19 digits of the longest card.
    assert!(runs > groups && runs <= 19 * groups, "{runs} runs");
}

#[test]
fn two_dates_are_no_card() {
    let cards = &Screen::shipped().cards;
    let days = || (1..=31).flat_map(|day| (1..=12).map(move |month| (day, month)));
    for (place, (day, month)) in days().enumerate() {
        // Partners all over the year, so that every check digit comes up.
        for (other, months) in days().skip(place % 7).step_by(5) {
            for text in [
                format!("{day:02}/{month:02}/2025 {other:02}/{months:02}/2026"),
                format!("{day}.{month}.2025-{other}.{months}.2026"),
                format!("{day:02}-{month:02}-2025 {other:02}-{months:02}-2026"),
                format!("2025-{month:02}-{day:02}/2026-{months:02}-{other:02}"),
                format!("{day:02}/{month:02}/2025 {other:02}:30:{months:02}"),
            ] {
                assert!(!cards.found_in(&text), "{text}");
            }
        }
    }
}

#[test]
fn words_are_whole_and_in_order() {
    let words = &Screen::shipped().words;
    let check =
        |text: &str, classes: &[&str]| assert_eq!(words.classes_in(text), classes, "{text}");
    check(
        "He was DIAGNOSED with Asthma.",
        &["SPECIAL_CATEGORY_HEALTH"],
    );
    check(
        "is a trade-union member and was arrested",
        &["SPECIAL_CATEGORY_TRADE_UNION", "SPECIAL_CATEGORY_CRIMINAL"],
    );
    check("the union jack on Church Street", &[]);
    check(
        "mixed-race family, mother is Muslim",
        &["SPECIAL_CATEGORY_RACE", "SPECIAL_CATEGORY_RELIGION"],
    );
    check("The bin was not emptied; red lid broken.", &[]);
    check("cancerous is not the word cancers", &[]);
    check("Jehovah's Witness", &["SPECIAL_CATEGORY_RELIGION"]);
    check("", &[]);
}

#[test]
fn lists_refuse_what_they_cannot_mean() {
    let head = "version = '1'\nsource = 's'\n";
    for (text, good) in [
        (
            "[[class]]\ncode='health'\nclause='c'\nwords=['good words', 'stem*']",
            true,
        ),
        (
            "[[class]]\ncode='health'\nclause='c'\nwords=['Upper']",
            false,
        ),
        (
            "[[class]]\ncode='health'\nclause='c'\nwords=['abc*']",
            false,
        ),
        ("[[class]]\ncode='health'\nclause='c'\nwords=['']", false),
        ("[[class]]\ncode='health'\nwords=['x']", false),
    ] {
        assert_eq!(
            SpecialWords::parse(&format!("{head}{text}")).is_ok(),
            good,
            "{text}"
        );
    }
    for (text, good) in [
        (
            "[[range]]\nnetwork='n'\nfrom='4'\nto='5'\nlengths=[16]",
            true,
        ),
        (
            "[[range]]\nnetwork='n'\nfrom='5'\nto='4'\nlengths=[16]",
            false,
        ),
        (
            "[[range]]\nnetwork='n'\nfrom='4'\nto='55'\nlengths=[16]",
            false,
        ),
        (
            "[[range]]\nnetwork='n'\nfrom='x'\nto='x'\nlengths=[16]",
            false,
        ),
        (
            "[[range]]\nnetwork='n'\nfrom='4'\nto='5'\nlengths=[20]",
            false,
        ),
    ] {
        assert_eq!(
            CardPrefixes::parse(&format!("{head}{text}")).is_ok(),
            good,
            "{text}"
        );
    }
}
