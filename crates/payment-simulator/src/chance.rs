//! Chances that depend on a seed and a text alone, so that a run can be repeated.

use sha2::{Digest, Sha256};

/// Decides by a seed: the same text always has the same chance, whatever came before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    seed: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns whether this text is among `percent` of 100.
    pub(crate) fn percent(self, purpose: &str, text: &str, percent: u8) -> bool {
        self.number(purpose, text) % 100 < u64::from(percent)
    }

    /// Returns whether this text is the one in `number`. Zero: none is.
    pub(crate) fn one_in(self, purpose: &str, text: &str, number: u64) -> bool {
        number > 0 && self.number(purpose, text).is_multiple_of(number)
    }

    fn number(self, purpose: &str, text: &str) -> u64 {
        let hash = Sha256::digest(format!("{}/{purpose}/{text}", self.seed));
        hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_follow_from_the_seed_and_come_as_often_as_they_say() {
        let references: Vec<String> = (0..4000).map(|number| number.to_string()).collect();
        let dropped = |seed| {
            let chance = Chance::new(seed);
            let is_dropped = |text: &&String| chance.percent("drop", text, 5);
            references.iter().filter(is_dropped).collect::<Vec<_>>()
        };
        assert_eq!(dropped(1), dropped(1));
        assert_ne!(dropped(1), dropped(2));
        assert!((120..280).contains(&dropped(1).len()), "{}", dropped(1).len());
        let chance = Chance::new(1);
        let one_in = |number| {
            references.iter().filter(|text| chance.one_in("decline", text, number)).count()
        };
        assert!((20..70).contains(&one_in(100)), "{}", one_in(100));
        assert_eq!((one_in(0), one_in(1)), (0, 4000));
    }
}
