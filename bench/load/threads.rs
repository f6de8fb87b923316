//! Threads with a runtime each, which begin to measure at the same moment.

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// One thread's part of the rendezvous between preparation and measurement.
pub(crate) struct Gate {
    prepared: mpsc::Sender<()>,
    begin: watch::Receiver<Option<Instant>>,
}

impl Gate {
    /// Reports that this thread is prepared. Returns the moment at which the measurement begins, when it has begun.
    pub(crate) async fn wait(mut self) -> Instant {
        self.prepared.send(()).unwrap();
        let begin = self.begin.wait_for(Option::is_some).await.unwrap();
        begin.unwrap()
    }
}

/// Runs `work` on `count` threads. When all are prepared, prints `ready` and waits for a line on standard input.
/// Returns the results in the order of the threads.
pub(crate) fn run<T: Send>(count: usize, work: impl AsyncFn(usize, Gate) -> T + Sync) -> Vec<T> {
    let (prepared, all_prepared) = mpsc::channel();
    let (start, begin) = watch::channel(None);
    thread::scope(|scope| {
        let spawn = |number| {
            let gate = Gate { prepared: prepared.clone(), begin: begin.clone() };
            let work = &work;
            scope.spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(work(number, gate))
            })
        };
        let running: Vec<_> = (0..count).map(spawn).collect();
        for _ in 0..count {
            all_prepared.recv().unwrap();
        }
        println!("ready");
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
        start.send_replace(Some(Instant::now()));
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Returns this thread's part of `total`.
pub(crate) fn share(total: usize, threads: usize, number: usize) -> usize {
    total / threads + usize::from(number < total % threads)
}

/// Ends the process because the proxy did not do its work; the caller reports the cause.
pub(crate) fn give_up(cause: &str) -> ! {
    eprintln!("{cause}");
    std::process::exit(1)
}
