//! Figures over rounds: medians with quartiles.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A median over rounds, with the quartiles as its spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the rounds lies below.
    pub lower: f64,
    /// Half of the rounds lie below.
    pub median: f64,
    /// Three quarters of the rounds lie below.
    pub upper: f64,
}

impl Spread {
    /// Of no value at all: `None`.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Some(Self { lower: quantile(&values, 0.25)?, median: quantile(&values, 0.5)?, upper: quantile(&values, 0.75)? })
    }
}

/// By linear interpolation between the neighbours.
fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// Percentiles of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Statements.
    pub count: u64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    /// Of an empty histogram: `None`.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: histogram.max() as f64 / 1e3,
        })
    }
}

/// What one round gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Statements per second.
    pub rate: f64,
    /// Median latency of reads, in microseconds.
    pub p50: Option<f64>,
    /// 99th percentile of the latency of reads, in microseconds.
    pub p99: Option<f64>,
    /// CPU time of the target's processes per statement, in microseconds.
    pub cpu_per_statement: Option<f64>,
    /// Row payload in 10^6 bytes per second; of large results only.
    pub megabytes_per_second: Option<f64>,
    /// CPU time of the target's processes per 10^9 bytes of rows, in seconds; of large results only.
    pub cpu_per_gigabyte: Option<f64>,
}

/// What all rounds of one target and one workload gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The target's name.
    pub target: String,
    /// One by one.
    pub rounds: Vec<Figures>,
    /// Statements that failed.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
    /// Reads of all rounds.
    pub reads: Option<Latency>,
    /// Writes of all rounds.
    pub writes: Option<Latency>,
}

impl Summary {
    /// A figure's spread over the rounds.
    pub fn spread(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(figure))
    }

    /// The spread of a figure that is made of this target's and another one's, round by round.
    pub fn against(
        &self,
        other: &Self,
        figure: impl Fn(&Figures) -> Option<f64>,
        combine: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of(pairs.filter_map(|(mine, theirs)| Some(combine(figure(mine)?, figure(theirs)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!((spread.lower, spread.median, spread.upper), (1.75, 2.5, 3.25));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
    }
}
