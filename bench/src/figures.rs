//! Figures, each with its unit and sample size.

use serde::Serialize;

/// One measured quantity of a scenario.
#[derive(Debug, Serialize)]
pub struct Figure {
    scenario: String,
    what: String,
    unit: &'static str,
    samples: usize,
    p50: f64,
    p99: f64,
    max: f64,
    /// The same of the scenario's limit, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
}

/// Everything that was measured, and on what.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    memory_kb: u64,
}

impl Report {
    /// An empty report of this machine.
    pub fn new() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        Self {
            machine: Machine {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                processor: field(&read("/proc/cpuinfo"), "model name"),
                memory_kb: memory
                    .split_whitespace()
                    .next()
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(0),
            },
            figures: Vec::new(),
        }
    }

    /// Adds a quantity by its samples.
    pub fn add(&mut self, scenario: &str, what: &str, unit: &'static str, samples: &[f64]) {
        self.push(scenario, what, unit, samples, None);
    }

    /// Adds a quantity with the median of its limit.
    pub fn add_against(
        &mut self,
        scenario: &str,
        what: &str,
        unit: &'static str,
        samples: &[f64],
        limit: &[f64],
    ) {
        self.push(scenario, what, unit, samples, Some(percentile(limit, 0.5)));
    }

    fn push(
        &mut self,
        scenario: &str,
        what: &str,
        unit: &'static str,
        samples: &[f64],
        limit: Option<f64>,
    ) {
        self.figures.push(Figure {
            scenario: scenario.to_owned(),
            what: what.to_owned(),
            unit,
            samples: samples.len(),
            p50: percentile(samples, 0.5),
            p99: percentile(samples, 0.99),
            max: percentile(samples, 1.0),
            limit,
        });
    }

    /// Prints the table.
    pub fn print(&self) {
        let machine = &self.machine;
        println!(
            "{} cores, {}, {} MB\n",
            machine.cores,
            machine.processor,
            machine.memory_kb / 1024
        );
        println!(
            "{:<14} {:<34} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6} {:>5}",
            "scenario", "what", "unit", "p50", "p99", "max", "limit", "ratio", "n"
        );
        for figure in &self.figures {
            let limit = figure
                .limit
                .map_or(String::new(), |limit| format!("{limit:.2}"));
            let ratio = figure
                .limit
                .filter(|limit| *limit > 0.0)
                .map_or(String::new(), |limit| format!("{:.2}", figure.p50 / limit));
            println!(
                "{:<14} {:<34} {:>8} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>6} {:>5}",
                figure.scenario,
                figure.what,
                figure.unit,
                figure.p50,
                figure.p99,
                figure.max,
                limit,
                ratio,
                figure.samples
            );
        }
    }
}

/// The smallest sample that at least this share of the samples does not exceed; 0 of none.
fn percentile(samples: &[f64], share: f64) -> f64 {
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
    use super::percentile;

    #[test]
    fn percentiles_are_samples() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&samples, 0.5), 2.0);
        assert_eq!(percentile(&samples, 0.99), 4.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
