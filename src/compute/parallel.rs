//! Independent pieces of work on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` for 0 to `count`, on up to `threads` threads at once; each thread has a `scratch` of its own. Which thread does
/// what, and when, is left open.
///
/// # Errors
/// The first that `work` returns; what has not begun by then is left out.
pub(crate) fn each<S, E: Send>(
    threads: usize,
    count: usize,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let run = || {
        let mut scratch = scratch();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return;
            }
            if let Err(error) = work(&mut scratch, at) {
                next.store(count, Ordering::Relaxed);
                locked(&failed).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(run);
        }
        run();
    });
    failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
}

/// What a mutex guards. Who panicked with it in hand takes the whole evaluation down when its thread is joined.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_on_any_number_of_threads() {
        for threads in [0, 1, 2, 7] {
            let done = Mutex::new(vec![0; 50]);
            each(
                threads,
                50,
                || (),
                |(), at| {
                    locked(&done)[at] += 1;
                    Ok::<(), ()>(())
                },
            )
            .unwrap();
            assert_eq!(done.into_inner().unwrap(), [1; 50]);
        }
    }

    #[test]
    fn a_failure_ends_the_work() {
        let done = AtomicUsize::new(0);
        let result = each(
            1,
            50,
            || (),
            |(), at| {
                done.fetch_add(1, Ordering::Relaxed);
                if at == 3 { Err("no") } else { Ok(()) }
            },
        );
        assert_eq!((result, done.into_inner()), (Err("no"), 4));
    }
}
