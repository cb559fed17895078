//! The runtime on which test servers live.
//!
//! * **In**: nothing. **Out**: a handle to a runtime with a thread of its own.
//! * **Promises**: there is one for the process, so a server belongs to no test's runtime: it may be shared by tests,
//!   a client may block the test's thread, and a test that pauses its clock does not pause the server's.
//! * **Limits**: one thread, which ends with the process. **Panics**: never. **Spec**: none.

use std::future::pending;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};

static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// The runtime, begun when it is first asked for.
pub(super) fn runtime() -> io::Result<Handle> {
    let mut kept = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*kept {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("test-inbox".to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    *kept = Some(handle.clone());
    Ok(handle)
}
