//! Figures, each with its unit, sample size, limit and goals.

use std::fmt;

use serde::Serialize;

/// The statistic that a goal is set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Statistic {
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
    /// The largest sample.
    Max,
    /// The ratio of the median to that of the limit.
    Ratio,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Goal {
    of: Statistic,
    most: f64,
    met: bool,
}

/// One measured quantity of a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    scenario: String,
    what: String,
    unit: &'static str,
    samples: usize,
    p50: f64,
    p99: f64,
    max: f64,
    /// The median of the scenario's limit, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<Goal>,
}

impl Figure {
    /// A quantity, by its samples.
    pub(crate) fn of(
        scenario: &str,
        what: impl Into<String>,
        unit: &'static str,
        samples: &[f64],
    ) -> Self {
        Self {
            scenario: scenario.to_owned(),
            what: what.into(),
            unit,
            samples: samples.len(),
            p50: percentile(samples, 0.5),
            p99: percentile(samples, 0.99),
            max: percentile(samples, 1.0),
            limit: None,
            ratio: None,
            goals: Vec::new(),
        }
    }

    /// Adds the scenario's limit, by its samples.
    pub(crate) fn against(mut self, limit: &[f64]) -> Self {
        let limit = percentile(limit, 0.5);
        self.limit = Some(limit);
        self.ratio = (limit > 0.0).then(|| self.p50 / limit);
        self
    }

    /// Adds a goal: the most that a statistic should be.
    pub(crate) fn goal(mut self, of: Statistic, most: f64) -> Self {
        let is = match of {
            Statistic::P50 => self.p50,
            Statistic::P99 => self.p99,
            Statistic::Max => self.max,
            Statistic::Ratio => self.ratio.unwrap_or(f64::INFINITY),
        };
        let met = is <= most;
        self.goals.push(Goal { of, most, met });
        self
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.2}"));
        write!(
            f,
            "{:<15} {:<42} {:>4} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>6} {:>5} ",
            self.scenario,
            self.what,
            self.unit,
            self.p50,
            self.p99,
            self.max,
            optional(self.limit),
            optional(self.ratio),
            self.samples
        )?;
        for goal in &self.goals {
            let of = match goal.of {
                Statistic::P50 => "p50",
                Statistic::P99 => "p99",
                Statistic::Max => "max",
                Statistic::Ratio => "ratio",
            };
            let met = if goal.met { "" } else { " MISSED" };
            write!(f, " {of}<={}{met}", goal.most)?;
        }
        Ok(())
    }
}

/// All figures, and the machine on which they were measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    memory_mb: u64,
    kernel: String,
    /// Load of the machine when the measurement begins: processes that wanted a core in the minute
    /// before.
    load: String,
}

impl Machine {
    fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let field = |path, name: &str| {
            read(path)
                .lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let first = |text: String| {
            let word = text.split_whitespace().next();
            word.unwrap_or_default().to_owned()
        };
        let memory: u64 = first(field("/proc/meminfo", "MemTotal"))
            .parse()
            .unwrap_or(0);
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field("/proc/cpuinfo", "model name"),
            memory_mb: memory / 1024,
            kernel: first(read("/proc/sys/kernel/osrelease")),
            load: first(read("/proc/loadavg")),
        }
    }
}

impl Report {
    /// An empty report of this machine.
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::this(),
            figures: Vec::new(),
        }
    }

    /// Prints what the columns mean.
    pub(crate) fn begin(&self) {
        let Machine {
            cores,
            processor,
            memory_mb,
            kernel,
            load,
        } = &self.machine;
        println!("{cores} cores, {processor}, {memory_mb} MB, Linux {kernel}, load {load}\n");
        println!(
            "{:<15} {:<42} {:>4} {:>9} {:>9} {:>9} {:>9} {:>6} {:>5}  goals",
            "scenario", "what", "unit", "p50", "p99", "max", "limit", "ratio", "n"
        );
    }

    /// Adds a figure and prints it.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!("{figure}");
        self.figures.push(figure);
    }
}

/// The smallest sample that at least this share of the samples does not exceed; 0 of none.
pub(crate) fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among few samples"
    )]
    let rank = (sorted.len() as f64 * share).ceil().max(1.0) as usize - 1;
    sorted.get(rank).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&samples, 0.5), 2.0);
        assert_eq!(percentile(&samples, 0.99), 4.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_goal_is_met_or_missed_and_a_ratio_without_a_limit_is_no_success() {
        let figure = Figure::of("s", "w", "ms", &[2.0, 4.0])
            .goal(Statistic::Ratio, 9.0)
            .against(&[1.0])
            .goal(Statistic::Ratio, 2.0)
            .goal(Statistic::Max, 3.0);
        let met: Vec<bool> = figure.goals.iter().map(|goal| goal.met).collect();
        assert_eq!(met, [false, true, false]);
    }
}
