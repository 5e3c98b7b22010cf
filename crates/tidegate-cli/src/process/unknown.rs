//! What is said of an instance that does not exist.

use terminal::problem::Problem;
use tidegate::ids::StreamId;

use super::places::{Place, Places};
use super::stuck;

/// Names that are suggested.
const SUGGESTED: usize = 3;
/// Least similarity of a suggested name, from 0 to 1.
const SIMILAR: f64 = 0.8;

/// Returns the problem that an instance does not exist, with the names of similar ones.
///
/// It looks at one page of the view. Without a view it suggests nothing.
pub(super) async fn unknown(places: &Places, place: &Place, instance: &StreamId) -> Problem {
    let rows = stuck::all(places, place, None).await.map(|(rows, _)| rows).unwrap_or_default();
    let names = rows.iter().map(|row| row.instance.as_str());
    let near = near(instance.as_str(), names);
    let hint = if near.is_empty() {
        "`tidegate process ls` lists instances".to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Problem::new(format!("{instance} does not exist; {hint}"))
}

/// Returns the names that are most like a name, the most similar first.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = names
        .map(|other| (strsim::normalized_damerau_levenshtein(name, other), other))
        .filter(|(similar, _)| *similar >= SIMILAR)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_slip_are_suggested_and_no_others() {
        let names = ["booking#421", "booking#4321", "booking#999", "booking#412"];
        assert_eq!(
            near("booking#4211", names.into_iter()),
            ["booking#421", "booking#412", "booking#4321"]
        );
        assert_eq!(near("booking#421x", ["payment#1"].into_iter()), Vec::<&str>::new());
    }
}
