//! The decimal digits of every script: what a person reads as 4 may be written ４, ٤ or ४.
//!
//! Not here: numerals that are no digits of a place system (①, Ⅳ); who reads those decomposes them first. Always: Unicode gives the ten
//! digits of a script ten code points in a row, so that the zeros are the whole table (Unicode 14, general category Nd).

/// The zeros of all scripts but our own.
#[rustfmt::skip] // a table
const ZEROS: [u32; 65] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
    0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
    0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0,
    0x1e950, 0x1fbf0,
];

/// The value of a decimal digit of any script.
pub fn decimal_digit(character: char) -> Option<u8> {
    let code = u32::from(character);
    let zero = match character {
        '0'..='9' => u32::from('0'),
        _ if character.is_ascii() => return None,
        _ => *ZEROS.iter().rev().find(|zero| **zero <= code)?,
    };
    u8::try_from(code - zero).ok().filter(|value| *value < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_has_ten_digits() {
        assert!(ZEROS.windows(2).all(|two| two[0] + 10 <= two[1]));
        for text in [
            "0123456789",
            "０１２３４５６７８９",
            "٠١٢٣٤٥٦٧٨٩",
            "०१२३४५६७८९",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
        ] {
            let values: Vec<_> = text.chars().map(decimal_digit).collect();
            assert_eq!(values, (0..10).map(Some).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn what_is_numeric_to_nobody_is_no_digit() {
        for zero in ZEROS {
            let all = (zero..zero + 10).filter_map(char::from_u32);
            assert!(all.clone().count() == 10 && all.clone().all(char::is_numeric));
        }
        for none in [
            'a',
            'Ⅳ',
            '①',
            ' ',
            '/',
            ':',
            '\u{65f}',
            '\u{66a}',
            '\u{10ffff}',
        ] {
            assert_eq!(decimal_digit(none), None, "{none:?}");
        }
    }
}
