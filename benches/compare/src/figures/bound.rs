//! A promise and what was measured of it.
//!
//! * **In**: a value, a bound, the noise. **Out**: a row with a verdict.
//! * **Promises**: "within the noise" is only said of a value that misses its bound by no more than two
//!   equal servers differed in the same run.
//! * **Limits**: none. **Panics**: never. **Spec**: README.md, "The figures".

use smtp_compare::stats::Spread;

/// One line of the table of bounds.
#[derive(Debug)]
pub(crate) struct Bound {
    name: String,
    measured: String,
    limit: String,
    noise: String,
    verdict: &'static str,
}

/// On which side of its limit a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

impl Bound {
    /// A ratio of medians by round; `noise` is the ratio of a server to its twin, if there was one.
    pub(crate) fn ratio(
        name: impl Into<String>,
        ratio: Spread,
        limit: Limit,
        noise: Option<Spread>,
    ) -> Self {
        let verdict = verdict(ratio.median, limit, noise);
        let noise = noise.map_or_else(|| String::from("-"), |noise| noise.to_string());
        Self { noise, ..Self::new(name, ratio.to_string(), limit, "", verdict) }
    }

    /// A single value with its unit.
    pub(crate) fn value(name: impl Into<String>, value: f64, unit: &str, limit: Limit) -> Self {
        Self::new(name, format!("{value:.2} {unit}"), limit, unit, verdict(value, limit, None))
    }

    /// A figure without a value; its reason is in its section.
    pub(crate) fn missing(name: &str) -> Self {
        let dash = || String::from("-");
        let verdict = "NOT measured";
        Self { name: name.to_owned(), measured: dash(), limit: dash(), noise: dash(), verdict }
    }

    /// As a row of the table.
    pub(crate) fn row(&self) -> [String; 5] {
        let Self { name, measured, limit, noise, verdict } = self;
        [name.clone(), measured.clone(), limit.clone(), noise.clone(), (*verdict).to_owned()]
    }

    fn new(
        name: impl Into<String>,
        measured: String,
        limit: Limit,
        unit: &str,
        verdict: &'static str,
    ) -> Self {
        let limit = match limit {
            Limit::AtMost(limit) => format!("<= {limit:.2} {unit}"),
            Limit::AtLeast(limit) => format!(">= {limit:.2} {unit}"),
        };
        let limit = limit.trim_end().to_owned();
        Self { name: name.into(), measured, limit, noise: String::from("-"), verdict }
    }
}

fn verdict(value: f64, limit: Limit, noise: Option<Spread>) -> &'static str {
    let (met, met_with_noise) = match limit {
        Limit::AtMost(limit) => {
            (value <= limit, noise.is_some_and(|noise| value <= limit * noise.max))
        }
        Limit::AtLeast(limit) => {
            (limit <= value, noise.is_some_and(|noise| limit * noise.min <= value))
        }
    };
    match (met, met_with_noise) {
        (true, _) => "met",
        (false, true) => "within the noise",
        (false, false) => "NOT met",
    }
}

#[cfg(test)]
mod tests {
    use smtp_compare::stats::Spread;

    use super::{Bound, Limit, verdict};

    #[test]
    fn noise_excuses_no_more_than_it_is() {
        let noise = Some(Spread { median: 1.0, min: 0.95, max: 1.05 });
        for (value, limit, noise, expected) in [
            (1.10, Limit::AtMost(1.10), noise, "met"),
            (1.12, Limit::AtMost(1.10), noise, "within the noise"),
            (1.12, Limit::AtMost(1.10), None, "NOT met"),
            (1.16, Limit::AtMost(1.10), noise, "NOT met"),
            (0.93, Limit::AtLeast(0.93), noise, "met"),
            (0.90, Limit::AtLeast(0.93), noise, "within the noise"),
            (0.90, Limit::AtLeast(0.93), None, "NOT met"),
            (0.80, Limit::AtLeast(0.93), noise, "NOT met"),
        ] {
            assert_eq!(verdict(value, limit, noise), expected, "{value} {limit:?} {noise:?}");
        }
    }

    #[test]
    fn a_row_names_value_and_limit_with_their_unit() {
        let bound = Bound::value("idle", 3.5, "KiB", Limit::AtMost(4.0));
        assert_eq!(bound.row(), ["idle", "3.50 KiB", "<= 4.00 KiB", "-", "met"]);
        assert_eq!(Bound::missing("slow").row(), ["slow", "-", "-", "-", "NOT measured"]);
    }
}
