//! A middle and a spread.
//!
//! * **In**: a few numbers. **Out**: [`Spread`]. **Promises**: order does not matter.
//! * **Limits**: none. **Panics**: never. **Spec**: the median of an even count is the mean of the
//!   middle two.

use std::fmt;

/// Median, smallest and largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of the values are not larger.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// `None` without values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len() % 2 == 1 {
            upper
        } else {
            f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper)
        };
        Some(Self { median, min: *values.first()?, max: *values.last()? })
    }
}

/// As a ratio: `1.02 (0.97..1.10)`.
impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} ({:.2}..{:.2})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn median_of_odd_even_and_none() {
        let odd = Spread { median: 2.0, min: 1.0, max: 9.0 };
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(odd));
        let even = Spread { median: 2.5, min: 1.0, max: 9.0 };
        assert_eq!(Spread::of([3.0, 9.0, 1.0, 2.0]), Some(even));
        assert_eq!(Spread::of([]), None);
        assert_eq!(odd.to_string(), "2.00 (1.00..9.00)");
    }
}
