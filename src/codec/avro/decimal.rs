//! Decimals and their text.

/// The unscaled integer in `bytes`: big-endian two's complement, any length; `None` where it does
/// not fit 128 bits. No bytes are 0.
pub(super) fn unscaled(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let filler = if negative { 0xff } else { 0 };
    let extra = bytes.len().saturating_sub(16);
    let (head, tail) = bytes.split_at_checked(extra)?;
    let mut wide = [filler; 16];
    wide.get_mut(16 - tail.len()..)?.copy_from_slice(tail);
    let number = i128::from_be_bytes(wide);
    let fits = head.iter().all(|&byte| byte == filler);
    (fits && (number < 0) == negative).then_some(number)
}

/// The shortest big-endian two's complement of `unscaled`, as Java's `BigInteger.toByteArray`
/// gives it: at least one byte.
pub(super) fn minimal(unscaled: i128) -> Vec<u8> {
    let wide = unscaled.to_be_bytes();
    let filler = if unscaled < 0 { 0xff } else { 0 };
    let mut bytes = &wide[..];
    while let [first, rest @ ..] = bytes
        && let [second, ..] = rest
        && *first == filler
        && (*second ^ filler) < 0x80
    {
        bytes = rest;
    }
    bytes.to_vec()
}

/// `unscaled` with a point before its last `scale` digits.
pub(super) fn text(unscaled: i128, scale: u32) -> String {
    let scale = usize::try_from(scale).unwrap_or(usize::MAX);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!(
        "{:0>width$}",
        unscaled.unsigned_abs(),
        width = scale.saturating_add(1)
    );
    match digits.split_at_checked(digits.len() - scale) {
        Some((whole, fraction)) if scale > 0 => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

/// The unscaled integer of `text`, which has at most `scale` digits behind the point and at most
/// `precision` in all; `None` where it has not.
pub(super) fn parse(text: &str, precision: u32, scale: u32) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    let missing = scale.checked_sub(fraction.len())?;
    let mut number = 0i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = char::from(digit).to_digit(10)?;
        number = number.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    for _ in 0..missing {
        number = number.checked_mul(10)?;
    }
    let fits = 10i128
        .checked_pow(precision)
        .is_none_or(|limit| number < limit);
    (!whole.is_empty() && fits).then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_point_stands_where_the_scale_says() {
        for (number, scale, expected) in [
            (1250, 2, "12.50"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (7, 0, "7"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        ] {
            assert_eq!(text(number, scale), expected);
        }
        assert_eq!(parse("12.5", 4, 2), Some(1250));
        assert_eq!(parse("99.99", 4, 2), Some(9999));
        for wrong in ["100.00", "1.234", "", "-", ".5", "1e3", "+1", "1..2"] {
            assert_eq!(parse(wrong, 4, 2), None, "{wrong}");
        }
    }

    #[test]
    fn bytes_are_as_short_as_javas() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0, 128]),
            (-128, &[128]),
            (-129, &[255, 127]),
        ] {
            assert_eq!(minimal(number), bytes, "{number}");
        }
        assert_eq!(unscaled(&[]), Some(0));
        assert_eq!(unscaled(&[255; 40]), Some(-1));
        assert_eq!(unscaled(&[1; 17]), None);
        let mut just_too_large = [0; 17];
        just_too_large[1] = 0x80;
        assert_eq!(unscaled(&just_too_large), None);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number: i128, scale in 0u32..45) {
            prop_assert_eq!(unscaled(&minimal(number)), Some(number));
            if number.unsigned_abs() < 10u128.pow(38) {
                prop_assert_eq!(parse(&text(number, scale), 38, scale), Some(number));
            }
        }
    }
}
