//! The baseline: PostgreSQL 15 with the trigger-made hash chain of schema.sql, under the same load. Not
//! tuned against: durable as shipped, with more memory and WAL room than the defaults.

mod cluster;
mod wire;

use std::io;
use std::path::Path;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use people::Mix;

use self::cluster::Cluster;
use crate::machine::cpu_seconds;
use crate::stopwatch::Stopwatch;
use crate::trial::{Shape, Trial};

const SCHEMA: &str = include_str!("postgres/schema.sql");
const TOKEN: &str = "cf_bench_0123456789abcdef0123456789abcdef";
const QUEUED_BATCHES_MAX: usize = 256;

/// A running baseline with an empty ledger and one publisher.
pub(crate) struct Postgres {
    cluster: Cluster,
}

impl Postgres {
    /// Makes the cluster in `folder`, which must not exist.
    pub(crate) fn start(folder: &Path) -> io::Result<Postgres> {
        let cluster = Cluster::start(folder)?;
        let mut connection = cluster.connect()?;
        connection.run(SCHEMA)?;
        connection.run(&format!(
            "insert into publisher values (digest('{TOKEN}', 'sha256'), 'crm'); analyze publisher;"
        ))?;
        Ok(Postgres { cluster })
    }

    /// Appends the mix for the shape's seconds with its clients, a transaction a request.
    pub(crate) fn run(&self, shape: &Shape, mix: Mix) -> io::Result<Trial> {
        let (sender, bodies) = sync_channel::<Vec<Vec<u8>>>(QUEUED_BATCHES_MAX);
        // Shared by the clients alone: the last one to end closes the queue, and so ends the producer.
        let bodies = Arc::new(Mutex::new(bodies));
        let before = self.rows()?;
        let (clock, cpu) = (Stopwatch::start(), cpu_seconds(std::process::id()));
        let mut trial = thread::scope(|scope| {
            let clients: Vec<_> = (0..shape.clients)
                .map(|_| {
                    let bodies = Arc::clone(&bodies);
                    scope.spawn(move || self.client(&bodies, &clock, shape))
                })
                .collect();
            drop(bodies);
            scope.spawn(move || produce(sender, mix, shape));
            let mut trial = Trial::new("postgres", shape);
            for client in clients {
                let latencies = client
                    .join()
                    .map_err(|_| io::Error::other("a client died"))??;
                trial.add_all(latencies);
            }
            Ok::<Trial, io::Error>(trial)
        })?;
        trial.load_cpu_seconds = cpu_seconds(std::process::id()) - cpu;
        let trial = trial.finished(clock.seconds());
        let rows = self.rows()? - before;
        if rows == trial.events() {
            return Ok(trial);
        }
        Err(io::Error::other(format!(
            "{} events acknowledged, {rows} rows",
            trial.events()
        )))
    }

    /// Bytes of the table with its indexes.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        self.number("select pg_total_relation_size('ledger')")
    }

    fn rows(&self) -> io::Result<u64> {
        self.number("select position from head")
    }

    fn number(&self, sql: &str) -> io::Result<u64> {
        self.cluster
            .connect()?
            .value(sql)?
            .parse()
            .map_err(io::Error::other)
    }

    fn client(
        &self,
        bodies: &Mutex<Receiver<Vec<Vec<u8>>>>,
        clock: &Stopwatch,
        shape: &Shape,
    ) -> io::Result<Vec<u32>> {
        let mut connection = self.cluster.connect()?;
        connection.prepare("select append($1, $2)")?;
        let mut latencies = Vec::new();
        while clock.seconds() < shape.seconds {
            let next = bodies
                .lock()
                .map_err(|_| io::Error::other("a client died"))?
                .recv();
            let Ok(batch) = next else { break };
            let sent = clock.micros();
            connection.append(TOKEN, &batch)?;
            latencies.push((clock.micros() - sent) as u32);
        }
        Ok(latencies)
    }
}

/// Keeps batches ready; ends when the last client has gone.
fn produce(sender: SyncSender<Vec<Vec<u8>>>, mut mix: Mix, shape: &Shape) {
    loop {
        let batch = (0..shape.events_per_request).map(|_| {
            let mut body = Vec::with_capacity(512);
            mix.write_next(&mut body);
            body
        });
        if sender.send(batch.collect()).is_err() {
            return;
        }
    }
}
