//! The generations of a projection that the topology declares.

use std::fmt;
use std::str::FromStr;

use crate::config::Settings;

/// Most generations of a projection.
const MOST: usize = 8;

/// The generations of a projection that the topology declares.
///
/// ```
/// use tidegate::config::Settings;
/// use tidegate::generation::Generations;
///
/// let variables = [("TIDEGATE_GENERATIONS_ORDER_VIEW", "1,2"), ("TIDEGATE_POINTERS_TABLE", "p")];
/// let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let mut settings = Settings::from_variables(variables);
/// let generations = Generations::from_settings(&mut settings, "order-view").unwrap();
/// assert_eq!(generations.numbers(), [1, 2]);
/// assert_eq!(generations.pointers(), Some("p"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    projection: String,
    numbers: Numbers,
    pointers: Option<String>,
}

/// A list of generations, as in `1,2`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Numbers(Vec<u32>);

/// A text that is not a list of generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidGenerations;

impl fmt::Display for InvalidGenerations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be 1 to {MOST} different whole numbers from 1, as in `1,2`")
    }
}

impl std::error::Error for InvalidGenerations {}

impl FromStr for Numbers {
    type Err = InvalidGenerations;

    fn from_str(text: &str) -> Result<Self, InvalidGenerations> {
        let number = |text: &str| text.trim().parse().map_err(|_| InvalidGenerations);
        Self::new(text.split(',').map(number).collect::<Result<_, _>>()?)
    }
}

impl Numbers {
    fn new(mut numbers: Vec<u32>) -> Result<Self, InvalidGenerations> {
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        let valid = numbers.first().is_some_and(|first| *first > 0);
        if valid && numbers.len() == count && count <= MOST {
            Ok(Self(numbers))
        } else {
            Err(InvalidGenerations)
        }
    }
}

impl Generations {
    /// Names the generations of a projection.
    ///
    /// # Errors
    /// The numbers are none, too many, or not different numbers from 1.
    pub fn new(
        projection: impl Into<String>,
        numbers: impl Into<Vec<u32>>,
    ) -> Result<Self, InvalidGenerations> {
        let numbers = Numbers::new(numbers.into())?;
        Ok(Self { projection: projection.into(), numbers, pointers: None })
    }

    /// Sets the table of the pointers.
    #[must_use]
    pub fn pointed_by(self, table: impl Into<String>) -> Self {
        Self { pointers: Some(table.into()), ..self }
    }

    /// Reads the generations from the settings: `TIDEGATE_GENERATIONS_ORDER_VIEW`, as in `1,2`, and
    /// `TIDEGATE_POINTERS_TABLE`.
    ///
    /// Without the first variable the projection has its tables only, and no pointer.
    pub fn from_settings(settings: &mut Settings, projection: &str) -> Option<Self> {
        let name = projection.to_uppercase().replace('-', "_");
        let numbers = settings.optional::<Numbers>(&format!("TIDEGATE_GENERATIONS_{name}"));
        let projection = projection.to_owned();
        match numbers {
            None => Some(Self { projection, numbers: Numbers(vec![1]), pointers: None }),
            Some(numbers) => {
                let pointers = Some(settings.text("TIDEGATE_POINTERS_TABLE")?);
                Some(Self { projection, numbers, pointers })
            }
        }
    }

    /// Returns the name of the projection.
    pub fn projection(&self) -> &str {
        &self.projection
    }

    /// Returns the numbers, in ascending order.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers.0
    }

    /// Returns whether this generation is declared.
    pub fn has(&self, generation: u32) -> bool {
        self.numbers.0.contains(&generation)
    }

    /// Returns the table of the pointers. `None`: the topology declares no projection, so there are
    /// no generations but the tables themselves.
    pub fn pointers(&self) -> Option<&str> {
        self.pointers.as_deref()
    }
}

/// Returns the name of the table of a generation, from that of the first one.
///
/// ```
/// use tidegate::generation::table_of;
///
/// assert_eq!(table_of("shop-order-view", 1), "shop-order-view");
/// assert_eq!(table_of("shop-order-view", 2), "shop-order-view.g2");
/// ```
pub fn table_of(table: &str, generation: u32) -> String {
    if generation == 1 { table.to_owned() } else { format!("{table}.g{generation}") }
}
