//! The only user of threads, and the one place where work is stopped.
//!
//! Work is cut by row counts, never by the number of threads; results come back in order and are
//! merged in order. So the number of threads changes the time and nothing else.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::{Error, Result};

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
        .or_else(|| thread::available_parallelism().ok())
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

/// What tells work that nobody wants it any more.
#[derive(Clone)]
enum Stop {
    /// On the caller's thread: a question, and when it was last asked.
    Ask(fn() -> bool, Instant),
    /// On a worker's thread: set by the caller, who asks meanwhile.
    Told(Arc<AtomicBool>),
}

/// What unwinds out of work that was stopped.
struct Stopped;

/// How long the answer to [`Stop::Ask`] stands.
const PAUSE: Duration = Duration::from_millis(50);

thread_local! {
    /// The stop of the work that this thread does at present.
    static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
}

/// Does `work` under a stop, and puts back the one before even when it unwinds: a thread that
/// waits for its own pieces may do those of somebody else meanwhile.
fn under<T>(stop: Option<Stop>, work: impl FnOnce() -> T) -> T {
    struct PutBack(Option<Stop>);
    impl Drop for PutBack {
        fn drop(&mut self) {
            STOP.set(self.0.take());
        }
    }
    let _put_back = PutBack(STOP.replace(stop));
    work()
}

/// Does `work`, which asks `stop` now and then whether to give up: then it ends at its next
/// [`checkpoint`].
///
/// # Errors
/// [`Error::Interrupted`] where it was stopped, and the errors of the work.
pub fn watched<T>(stop: fn() -> bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let asked = Some(Stop::Ask(stop, Instant::now()));
    catch_unwind(AssertUnwindSafe(|| under(asked, work))).unwrap_or_else(|panic| {
        if panic.is::<Stopped>() {
            Err(Error::Interrupted)
        } else {
            resume_unwind(panic)
        }
    })
}

/// Where long work lets itself be stopped: [`map`] calls it before each piece, a long loop of one
/// piece now and then. Outside of [`watched`] it does nothing.
pub fn checkpoint() {
    // Asking may run anything, this function too: the borrow must be over by then.
    let stopped = match STOP.with_borrow(Clone::clone) {
        None => false,
        Some(Stop::Told(told)) => told.load(Ordering::Relaxed),
        Some(Stop::Ask(ask, last)) => {
            last.elapsed() >= PAUSE && {
                STOP.set(Some(Stop::Ask(ask, Instant::now())));
                ask()
            }
        }
    };
    if stopped {
        resume_unwind(Box::new(Stopped));
    }
}

/// `work(i)` for `i` in `0..count`, on all threads, results in order. Without threads (one core,
/// or the system gives none) the same calls run here.
pub fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    let piece = |i| {
        checkpoint();
        work(i)
    };
    if count < 2 || threads() < 2 {
        return (0..count).map(piece).collect();
    }
    let Some(pool) = pool() else {
        return (0..count).map(piece).collect();
    };
    match STOP.with_borrow(Clone::clone) {
        Some(Stop::Ask(ask, _)) => asking(&pool, ask, |told| {
            (0..count)
                .into_par_iter()
                .map(|i| under(Some(told.clone()), || piece(i)))
                .collect()
        }),
        told => pool.install(|| {
            (0..count)
                .into_par_iter()
                .map(|i| under(told.clone(), || piece(i)))
                .collect()
        }),
    }
}

/// Does `work` in the pool, while this thread goes on asking whether to stop it.
fn asking<T: Send>(pool: &rayon::ThreadPool, ask: fn() -> bool, work: impl FnOnce(&Stop) -> T + Send) -> T {
    let told = Arc::new(AtomicBool::new(false));
    let (done, result) = channel();
    let answer = pool.in_place_scope(|scope| {
        let stop = Stop::Told(Arc::clone(&told));
        // The receiver outlives the scope, so the answer always arrives.
        scope.spawn(move |_| drop(done.send(work(&stop))));
        loop {
            match result.recv_timeout(PAUSE) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) => {
                    if ask() {
                        told.store(true, Ordering::Relaxed);
                    }
                }
                // It panicked, or was stopped: the scope goes on with that.
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    });
    answer.unwrap_or_else(|| resume_unwind(Box::new(Stopped)))
}

/// `work(item)` for each item, on all threads, results in order: for items that own what they write
/// to, such as disjoint slices.
pub fn each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let take = |i: usize| items[i].lock().unwrap_or_else(PoisonError::into_inner).take();
    let done = map(items.len(), |i| take(i).map(&work));
    done.into_iter().flatten().collect()
}

/// Does `work` on the items of `source`, in their order and up to `together` at a time, while a
/// thread of its own gets the next ones ready: for a source that reads and decodes. Without threads
/// the work gets them from the source itself.
pub fn ahead<T: Send, R>(
    source: impl Iterator<Item = Result<T>> + Send,
    together: usize,
    work: impl FnOnce(&mut dyn Iterator<Item = Result<Vec<T>>>) -> R,
) -> R {
    let mut source = source.fuse();
    let groups = std::iter::from_fn(move || {
        let group: Result<Vec<T>> = source.by_ref().take(together).collect();
        group
            .map(|group| (!group.is_empty()).then_some(group))
            .transpose()
    });
    let groups = Mutex::new(groups);
    let groups = || groups.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let (sender, ready) = sync_channel(0);
        // Sending fails where nobody wants more.
        let read = move || drop(groups().try_for_each(|group| sender.send(group)));
        if threads() < 2 || thread::Builder::new().spawn_scoped(scope, read).is_err() {
            return work(&mut *groups());
        }
        work(&mut ready.into_iter())
    })
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
    use std::sync::atomic::AtomicUsize;

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

    /// Without the stop the work would go on for ever.
    #[test]
    fn watched_work_ends_at_a_checkpoint() {
        let endless = || {
            map(2, |_| -> () {
                loop {
                    checkpoint();
                }
            });
            Ok(())
        };
        for threads in [1, 2] {
            set_threads(NonZeroUsize::new(threads));
            assert_eq!(watched(|| true, endless), Err(Error::Interrupted));
            assert_eq!(watched(|| false, || Ok(map(2, |i| i))), Ok(vec![0, 1]));
        }
        set_threads(None);
    }

    #[test]
    fn a_panic_of_watched_work_stays_a_panic() {
        let bug = || Ok(map(2, |_| -> () { std::panic::panic_any("bug") }));
        let panic = catch_unwind(|| watched(|| false, bug)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"bug"));
    }

    #[test]
    fn items_come_in_order_and_the_next_ones_are_made_ready() {
        for threads in [1, 2] {
            set_threads(NonZeroUsize::new(threads));
            let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let source = (0..1_000).map(|i| {
                let made = made.fetch_add(1, Ordering::SeqCst) + 1;
                // Three are handed over and not counted yet; the next three are made.
                assert!(made <= taken.load(Ordering::SeqCst) + 6, "{made}");
                if i == 500 { Err(Error::Interrupted) } else { Ok(i) }
            });
            let found: Vec<_> = ahead(source, 3, |groups| {
                let count = |group: &Result<Vec<_>>| {
                    taken.fetch_add(group.as_ref().map_or(0, Vec::len), Ordering::SeqCst);
                };
                groups.inspect(count).take(167).collect()
            });
            let groups = (0..498).step_by(3).map(|i| Ok(vec![i, i + 1, i + 2]));
            let expected: Vec<_> = groups.chain([Err(Error::Interrupted)]).collect();
            assert_eq!(found, expected);
            // What is not wanted is not waited for.
            assert_eq!(
                ahead((0..).map(Ok), 3, |groups| groups.next()),
                Some(Ok(vec![0, 1, 2]))
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
