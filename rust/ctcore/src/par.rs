//! The only user of rayon.
//!
//! Work is cut by row counts, never by the number of threads; results come back in order and are
//! merged in order. So the number of threads changes the time and nothing else.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

/// The pool, and the process and size that it was made for.
struct Pool {
    process: u32,
    threads: usize,
    workers: Arc<rayon::ThreadPool>,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);
static THREADS: Mutex<Option<NonZeroUsize>> = Mutex::new(None);

/// Sets the number of threads for all later work; `None` is one for each core.
pub fn set_threads(threads: Option<NonZeroUsize>) {
    *THREADS.lock().unwrap_or_else(PoisonError::into_inner) = threads;
}

/// The number of threads that later work will use.
pub fn threads() -> usize {
    let chosen = *THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    chosen
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

/// The pool of this process. A forked child inherits the parent's pool without its threads: work
/// given to that pool would wait for ever. So the pool is keyed by process id, and a child leaks
/// the parent's (dropping it would join threads that do not exist) and makes its own.
fn pool() -> Option<Arc<rayon::ThreadPool>> {
    let (process, threads) = (std::process::id(), threads());
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(old) = slot.take() {
        if old.process == process && old.threads == threads {
            let pool = Arc::clone(&old.workers);
            *slot = Some(old);
            return Some(pool);
        }
        if old.process != process {
            std::mem::forget(old.workers);
        }
    }
    let pool = Arc::new(
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .ok()?,
    );
    *slot = Some(Pool {
        process,
        threads,
        workers: Arc::clone(&pool),
    });
    Some(pool)
}

/// `work(i)` for `i` in `0..count`, on all threads, results in order. Without threads (one core,
/// or the system gives none) the same calls run here.
pub fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    if count > 1
        && threads() > 1
        && let Some(pool) = pool()
    {
        return pool.install(|| (0..count).into_par_iter().map(&work).collect());
    }
    (0..count).map(work).collect()
}

/// Sorts on all threads. The order of equal elements is not kept, so the element must be all
/// there is to it.
pub fn sort<T: Ord + Send>(values: &mut [T]) {
    if values.len() > crate::num::CHUNK
        && threads() > 1
        && let Some(pool) = pool()
    {
        return pool.install(|| values.par_sort_unstable());
    }
    values.sort_unstable();
}

/// Cuts `0..sizes.len()` into runs that hold about `rows` rows each: for work over groups of
/// different sizes. `ends[i]` is the row at which item `i` ends.
pub fn balanced(ends: &[usize], rows: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut start_row) = (0, 0);
    for (item, &end) in ends.iter().enumerate() {
        if end - start_row >= rows {
            runs.push(start..item + 1);
            (start, start_row) = (item + 1, end);
        }
    }
    if start < ends.len() {
        runs.push(start..ends.len());
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_threads() {
        for threads in [1, 2, 7] {
            set_threads(NonZeroUsize::new(threads));
            assert_eq!(
                map(1_000, |i| i * i),
                (0..1_000).map(|i| i * i).collect::<Vec<_>>()
            );
        }
        set_threads(None);
    }

    #[test]
    fn runs_cover_every_item_once() {
        let ends = [3, 3, 10, 11, 40, 41];
        let runs = balanced(&ends, 8);
        assert_eq!(runs, vec![0..3, 3..5, 5..6]);
        assert!(balanced(&[], 8).is_empty());
    }
}
