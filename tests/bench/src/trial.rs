//! One measured run: what was asked for (`Shape`) and what came out (`Trial`). Latencies are kept one by
//! one, four bytes each, so that every percentile is exact.

/// How a trial loads its target.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Connections that are busy at all times.
    pub(crate) clients: usize,
    /// Events in one request, committed together.
    pub(crate) events_per_request: usize,
    /// How long requests are begun.
    pub(crate) seconds: f64,
}

impl Shape {
    /// "64 x 1" and so on.
    pub(crate) fn name(&self) -> String {
        format!("{} x {}", self.clients, self.events_per_request)
    }
}

/// The outcome of one run.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) target: String,
    pub(crate) shape: Shape,
    /// Wall time from the first request to the last answer.
    pub(crate) seconds: f64,
    /// Mean bytes of an answer's body, 0 where the target has none.
    pub(crate) answer_bytes: u64,
    /// Processor time that making, sending and reading took, in seconds: it is taken from the target.
    pub(crate) load_cpu_seconds: f64,
    latencies_us: Vec<u32>,
}

impl Trial {
    /// A trial without requests yet.
    pub(crate) fn new(target: &str, shape: &Shape) -> Trial {
        let (target, shape) = (target.to_owned(), shape.clone());
        Trial {
            target,
            shape,
            seconds: 0.0,
            answer_bytes: 0,
            load_cpu_seconds: 0.0,
            latencies_us: Vec::new(),
        }
    }

    /// Adds requests that were acknowledged, by their latency in microseconds.
    pub(crate) fn add_all(&mut self, latencies_us: Vec<u32>) {
        self.latencies_us.extend(latencies_us);
    }

    /// Closes the trial after so many seconds.
    pub(crate) fn finished(mut self, seconds: f64) -> Trial {
        self.latencies_us.sort_unstable();
        self.seconds = seconds;
        self
    }

    /// Acknowledged events.
    pub(crate) fn events(&self) -> u64 {
        (self.latencies_us.len() * self.shape.events_per_request) as u64
    }

    /// Acknowledged events a second.
    pub(crate) fn rate(&self) -> f64 {
        self.events() as f64 / self.seconds.max(1e-9)
    }

    /// Processor time of the load for one event, in microseconds.
    pub(crate) fn load_us(&self) -> f64 {
        self.load_cpu_seconds * 1e6 / self.events().max(1) as f64
    }

    /// The latency in microseconds below which the share lies (0.5: the median); 0 without requests.
    pub(crate) fn percentile_us(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies_us.get(at).copied().map_or(0.0, f64::from)
    }
}

#[test]
fn percentiles_and_rates_are_those_of_the_requests() {
    let shape = Shape {
        clients: 2,
        events_per_request: 10,
        seconds: 1.0,
    };
    let mut trial = Trial::new("x", &shape);
    trial.add_all((1..=101).rev().collect());
    let trial = trial.finished(2.0);
    assert_eq!((trial.events(), trial.rate()), (1_010, 505.0));
    assert_eq!(
        (trial.percentile_us(0.5), trial.percentile_us(0.99)),
        (51.0, 100.0)
    );
    assert_eq!(Trial::new("x", &shape).percentile_us(0.5), 0.0);
}
