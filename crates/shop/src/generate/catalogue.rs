//! The products of the sample shop.

use super::random::Random;

/// Number of products of the sample shop. An order of 1,200 lines has more than 600 of them.
const PRODUCTS: u64 = 1_000;

const COLOURS: [&str; 12] = [
    "RED", "WHITE", "IVORY", "BLUE", "PINK", "GREEN", "SILVER", "VINTAGE", "RETRO", "WOODEN",
    "GLASS", "ZINC",
];
const THINGS: [&str; 14] = [
    "T-LIGHT HOLDER",
    "LUNCH BAG",
    "CAKE CASES",
    "BUNTING",
    "HAND WARMER",
    "DOORMAT",
    "TEACUP",
    "PHOTO FRAME",
    "HEART",
    "LANTERN",
    "SPOON",
    "TEA TOWEL",
    "ALARM CLOCK",
    "HOOK",
];
const KINDS: [&str; 9] = [
    "",
    " SPOTS",
    " SET OF 6",
    " 7\" SINGLE SIZE",
    ", LARGE",
    " RETROSPOT",
    " PAISLEY",
    ", SMALL",
    " DELUXE",
];

/// A product, as written in the file.
pub(super) struct Product {
    pub(super) stock_code: String,
    pub(super) description: String,
    /// In pounds.
    pub(super) price: String,
}

/// The products of the sample shop.
pub(super) fn catalogue(random: &mut Random) -> Vec<Product> {
    (0..PRODUCTS)
        .map(|number| {
            let suffix = random.pick(&["", "", "", "A", "B", "C", "a"], "");
            let pence = 12 + random.skewed(1_800);
            let price = match random.below(40) {
                0 => "0".to_owned(),
                // Half a penny and less, to test rounding.
                1 => format!("{}.{:02}5", pence / 100, pence % 100),
                2 => format!("{}.{:02}49", pence / 100, pence % 100),
                _ if pence.is_multiple_of(10) => format!("{}.{}", pence / 100, pence / 10 % 10),
                _ => format!("{}.{:02}", pence / 100, pence % 100),
            };
            let description = format!(
                "{} {}{}",
                random.pick(&COLOURS, "RED"),
                random.pick(&THINGS, "HEART"),
                random.pick(&KINDS, "")
            );
            Product { stock_code: format!("{}{suffix}", 20_000 + number * 7), description, price }
        })
        .collect()
}
