//! Asynchronous work for callers that wait.

/// Runs work to its end on a thread and a runtime of its own: whoever calls may itself be within another runtime.
///
/// # Errors
/// The system gives no thread or no network.
pub(crate) fn block_on<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> std::io::Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(work()))
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
