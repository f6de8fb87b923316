//! A safe interface to MIT's GSSAPI library, which is opened at run time. This is the only file with `unsafe`. Handles
//! and buffers of the library are released when their owners are dropped.
//!
//! The functions and layouts are those of gssapi/gssapi.h, gssapi_ext.h and gssapi_krb5.h of MIT krb5 1.15 and later
//! (RFC 2744, on Linux). Every call names the mechanism krb5, so that no credentials and codes of other mechanisms are
//! involved. Calls block, some until a KDC responds. `error_classification` classifies the errors.
#![expect(unsafe_code, reason = "calls of a C library; each block documents why it is sound")]

use super::abi::{
    BufferDescription, BufferSet, CODE_KINDS, CONTINUE_NEEDED, FAILURE, GssOid, Handle, INTEGRITY, KRB5,
    KeyValue, KeyValueSet, MUTUAL, OidSet, PRINCIPAL_NAME, ROUTINE_ERROR, TICKET_FLAGS, UNAVAILABLE,
    USAGE_ACCEPT, USAGE_INITIATE, borrowed, oid,
};
use super::krb5_conf;
use super::status::GssStatus;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, OsStr, c_int, c_void};
use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

/// The file name of the library, with its ABI number.
pub(super) const LIBRARY: &str = "libgssapi_krb5.so.2";
/// The maximum number of lines of text for one status code.
const MAXIMUM_LINES: usize = 8;

/// Sets the configuration files of the library, separated by colons. The library reads the environment with each
/// operation.
///
/// # Errors
/// The process has other threads, one of which may be reading the environment.
pub(super) fn set_configuration_files(files: &OsStr) -> io::Result<()> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the process already has other threads"));
    }
    // SAFETY: this thread is the only one, so no other reads the environment concurrently.
    unsafe { std::env::set_var(krb5_conf::VARIABLE, files) };
    Ok(())
}

/// Declares the functions of the library, and how they are resolved.
macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        /// The functions of the library. The first argument of each receives the minor status.
        struct FunctionTable {
            $($name: unsafe extern "C" fn(*mut u32, $($argument),*) -> u32,)*
        }

        impl FunctionTable {
            /// Resolves all functions.
            ///
            /// # Safety
            ///
            /// The library's functions have these types, and it is never closed.
            unsafe fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the caller guarantees the types. Copies of the pointers stay valid since it is never closed.
                unsafe { Ok(Self { $($name: *library.get(stringify!($name))?,)* }) }
            }
        }
    };
}

functions! {
    gss_import_name(*const BufferDescription, *const GssOid, *mut Handle);
    gss_display_name(Handle, *mut BufferDescription, *mut *const GssOid);
    gss_release_name(*mut Handle);
    gss_acquire_cred_from(Handle, u32, *const OidSet, c_int, *const KeyValueSet, *mut Handle, *mut *mut OidSet, *mut u32);
    gss_acquire_cred_impersonate_name(
        Handle, Handle, u32, *const OidSet, c_int, *mut Handle, *mut *mut OidSet, *mut u32
    );
    gss_inquire_cred(Handle, *mut Handle, *mut u32, *mut c_int, *mut *mut OidSet);
    gss_release_cred(*mut Handle);
    gss_init_sec_context(
        Handle, *mut Handle, Handle, *const GssOid, u32, u32, *const c_void, *const BufferDescription, *mut *const GssOid,
        *mut BufferDescription, *mut u32, *mut u32
    );
    gss_accept_sec_context(
        *mut Handle, Handle, *const BufferDescription, *const c_void, *mut Handle, *mut *const GssOid,
        *mut BufferDescription, *mut u32, *mut u32, *mut Handle
    );
    gss_get_name_attribute(
        Handle, *const BufferDescription, *mut c_int, *mut c_int, *mut BufferDescription, *mut BufferDescription,
        *mut c_int
    );
    gss_inquire_sec_context_by_oid(Handle, *const GssOid, *mut *mut BufferSet);
    gss_delete_sec_context(*mut Handle, *mut BufferDescription);
    gss_release_buffer(*mut BufferDescription);
    gss_release_buffer_set(*mut *mut BufferSet);
    gss_display_status(u32, c_int, *const GssOid, *mut u32, *mut BufferDescription);
}

/// The opened library.
pub(super) struct GssapiLibrary {
    functions: FunctionTable,
    /// Never closed: the library keeps data for every thread that used it, and contains the code that frees them.
    _library: ManuallyDrop<Library>,
}

impl fmt::Debug for GssapiLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LIBRARY)
    }
}

impl GssapiLibrary {
    /// Opens the library and resolves its functions.
    pub(super) fn open() -> Result<Arc<Self>, libloading::Error> {
        // SAFETY: the initialisers of MIT's library have no preconditions. An attacker who can install another library of
        // this name in the system's path controls the process anyway.
        let library = ManuallyDrop::new(unsafe { Library::open(Some(LIBRARY), RTLD_NOW | RTLD_LOCAL)? });
        // SAFETY: the types are those of the headers that belong to this ABI number; the library is never closed.
        let functions = unsafe { FunctionTable::find(&library)? };
        Ok(Arc::new(Self { functions, _library: library }))
    }

    /// Imports the name of a principal, such as `alice@CORP.EXAMPLE`.
    pub(super) fn name(self: &Arc<Self>, principal: &str) -> Result<GssName, GssStatus> {
        let text = borrowed(principal.as_bytes());
        let kind = oid(PRINCIPAL_NAME);
        let mut name = GssName { gssapi: Arc::clone(self), handle: null_mut() };
        // SAFETY: the arguments point at values that live beyond the call, which copies what it keeps.
        self.call(|minor| unsafe {
            (self.functions.gss_import_name)(minor, &text, &kind, &mut name.handle)
        })?;
        Ok(name)
    }

    /// Logs in as `account` with its key in `keytab`. The ticket is stored in `cache`.
    pub(super) fn log_in(
        self: &Arc<Self>,
        account: &GssName,
        keytab: &CStr,
        cache: &CStr,
    ) -> Result<GssCredential, GssStatus> {
        let elements = [
            KeyValue { key: c"client_keytab".as_ptr(), value: keytab.as_ptr() },
            KeyValue { key: c"ccache".as_ptr(), value: cache.as_ptr() },
        ];
        let store = KeyValueSet { count: 2, elements: elements.as_ptr() };
        let mut mechanism = oid(KRB5);
        let krb5 = OidSet { count: 1, elements: &mut mechanism };
        let mut credential = GssCredential { gssapi: Arc::clone(self), handle: null_mut() };
        // SAFETY: as in `name`; the store has `count` elements, all strings that end with NUL. Null is permitted for results
        // that are not needed.
        self.call(|minor| unsafe {
            let (log_in, handle) = (self.functions.gss_acquire_cred_from, &mut credential.handle);
            log_in(minor, account.handle, 0, &krb5, USAGE_INITIATE, &store, handle, null_mut(), null_mut())
        })?;
        Ok(credential)
    }

    /// Prepares to decrypt tickets to any principal of `keytab`. Sends no request.
    pub(super) fn ticket_reader(self: &Arc<Self>, keytab: &CStr) -> Result<TicketReader, GssStatus> {
        let elements = [
            KeyValue { key: c"keytab".as_ptr(), value: keytab.as_ptr() },
            // Only tokens that this process has just created are read, so no replay cache is needed, which would be a file.
            KeyValue { key: c"rcache".as_ptr(), value: c"none:".as_ptr() },
        ];
        let store = KeyValueSet { count: 2, elements: elements.as_ptr() };
        let mut mechanism = oid(KRB5);
        let krb5 = OidSet { count: 1, elements: &mut mechanism };
        let mut credential = GssCredential { gssapi: Arc::clone(self), handle: null_mut() };
        // SAFETY: as in `log_in`; a null name means every principal of the keytab.
        self.call(|minor| unsafe {
            let (acquire, handle) = (self.functions.gss_acquire_cred_from, &mut credential.handle);
            acquire(minor, null_mut(), 0, &krb5, USAGE_ACCEPT, &store, handle, null_mut(), null_mut())
        })?;
        Ok(TicketReader(credential))
    }

    /// Calls a function and returns its major status, or the error.
    fn call(&self, call: impl FnOnce(*mut u32) -> u32) -> Result<u32, GssStatus> {
        let mut minor = 0;
        let major = call(&mut minor);
        if major & FAILURE == 0 { Ok(major) } else { Err(self.status(major, minor)) }
    }

    /// Returns the status with its text. Must be called on the thread of the failure, for which the library keeps the
    /// text.
    fn status(&self, major: u32, minor: u32) -> GssStatus {
        let [major_kind, minor_kind] = CODE_KINDS;
        let minor_lines = if minor == 0 { Vec::new() } else { self.lines(minor, minor_kind) };
        GssStatus::new((major, self.lines(major, major_kind)), (minor, minor_lines))
    }

    fn lines(&self, code: u32, kind: c_int) -> Vec<String> {
        let krb5 = oid(KRB5);
        let (mut more, mut minor) = (0, 0);
        let mut lines = Vec::new();
        while lines.len() < MAXIMUM_LINES {
            let mut line = GssBuffer::new(self);
            // SAFETY: as in `name`; `line` receives memory of the library and releases it.
            let major = unsafe {
                (self.functions.gss_display_status)(
                    &mut minor,
                    code,
                    kind,
                    &krb5,
                    &mut more,
                    &mut line.description,
                )
            };
            if major & FAILURE != 0 {
                break;
            }
            lines.push(String::from_utf8_lossy(line.bytes()).into_owned());
            if more == 0 {
                break;
            }
        }
        lines
    }
}

/// An imported name of an account or a service.
pub(super) struct GssName {
    gssapi: Arc<GssapiLibrary>,
    handle: Handle,
}

// SAFETY: MIT's library is thread-safe (its doc/threads.txt) and does not change a name after its import.
unsafe impl Send for GssName {}
// SAFETY: as above.
unsafe impl Sync for GssName {}

impl GssName {
    /// Returns the complete principal.
    fn text(&self) -> Result<String, GssStatus> {
        let mut text = GssBuffer::new(&self.gssapi);
        // SAFETY: the handle is from the library, and not released before `self` is dropped.
        self.gssapi.call(|minor| unsafe {
            (self.gssapi.functions.gss_display_name)(minor, self.handle, &mut text.description, null_mut())
        })?;
        Ok(String::from_utf8_lossy(text.bytes()).into_owned())
    }
}

impl GssName {
    /// Returns an authenticated attribute (RFC 6680 7.5); `None` if the ticket does not have it or its signature is
    /// invalid.
    pub(super) fn attribute(&self, attribute: &str) -> Result<Option<Vec<u8>>, GssStatus> {
        let attribute = borrowed(attribute.as_bytes());
        let (mut authenticated, mut complete, mut more) = (0, 0, -1);
        let (mut value, mut shown) = (GssBuffer::new(&self.gssapi), GssBuffer::new(&self.gssapi));
        // SAFETY: as in `GssName::text`; both buffers receive memory of the library and release it.
        let found = self.gssapi.call(|minor| unsafe {
            (self.gssapi.functions.gss_get_name_attribute)(
                minor,
                self.handle,
                &attribute,
                &mut authenticated,
                &mut complete,
                &mut value.description,
                &mut shown.description,
                &mut more,
            )
        });
        match found {
            Ok(_) => Ok((authenticated != 0).then(|| value.bytes().to_vec())),
            Err(status) if status.major & ROUTINE_ERROR == UNAVAILABLE => Ok(None),
            Err(status) => Err(status),
        }
    }
}

impl Drop for GssName {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is null, which the library ignores, or from the library; it is not used after this.
        unsafe { (self.gssapi.functions.gss_release_name)(&mut minor, &mut self.handle) };
    }
}

/// Tickets of an account, or tickets that it obtained in another account's name.
pub(super) struct GssCredential {
    gssapi: Arc<GssapiLibrary>,
    handle: Handle,
}

// SAFETY: MIT's library locks a credential while it uses it.
unsafe impl Send for GssCredential {}
// SAFETY: as above.
unsafe impl Sync for GssCredential {}

impl GssCredential {
    /// Obtains a ticket to this credential's account in `user`'s name (S4U2Self, [MS-SFU] 3.1.5.1.1).
    pub(super) fn impersonate(&self, user: &GssName) -> Result<Self, GssStatus> {
        let mut mechanism = oid(KRB5);
        let krb5 = OidSet { count: 1, elements: &mut mechanism };
        let mut credential = Self { gssapi: Arc::clone(&self.gssapi), handle: null_mut() };
        // SAFETY: both handles are from the library and outlive the call; the rest as in `GssapiLibrary::log_in`.
        self.gssapi.call(|minor| unsafe {
            let acquire = self.gssapi.functions.gss_acquire_cred_impersonate_name;
            let handle = &mut credential.handle;
            acquire(minor, self.handle, user.handle, 0, &krb5, USAGE_INITIATE, handle, null_mut(), null_mut())
        })?;
        Ok(credential)
    }

    /// Returns its principal and remaining lifetime.
    pub(super) fn inquire(&self) -> Result<(String, Duration), GssStatus> {
        let mut name = GssName { gssapi: Arc::clone(&self.gssapi), handle: null_mut() };
        let mut seconds = 0;
        // SAFETY: as in `GssName::text`; `name` receives a new name and releases it.
        self.gssapi.call(|minor| unsafe {
            let inquire = self.gssapi.functions.gss_inquire_cred;
            inquire(minor, self.handle, &mut name.handle, &mut seconds, null_mut(), null_mut())
        })?;
        Ok((name.text()?, Duration::from_secs(u64::from(seconds))))
    }
}

impl Drop for GssCredential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: as in the drop of `GssName`.
        unsafe { (self.gssapi.functions.gss_release_cred)(&mut minor, &mut self.handle) };
    }
}

/// The keys of a keytab, which decrypt tickets.
pub(super) struct TicketReader(GssCredential);

impl TicketReader {
    /// Decrypts the ticket in a token. Returns the name in the ticket, with its attributes.
    pub(super) fn read(&self, token: &[u8]) -> Result<GssName, GssStatus> {
        let gssapi = &self.0.gssapi;
        let token = borrowed(token);
        let mut context = AcceptedContext { gssapi, handle: null_mut() };
        let mut name = GssName { gssapi: Arc::clone(gssapi), handle: null_mut() };
        let mut response = GssBuffer::new(gssapi);
        // SAFETY: as in `SecurityContext::step`; `context`, `name` and `response` receive what the library allocates and release it.
        gssapi.call(|minor| unsafe {
            (gssapi.functions.gss_accept_sec_context)(
                minor,
                &mut context.handle,
                self.0.handle,
                &token,
                null(),
                &mut name.handle,
                null_mut(),
                &mut response.description,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        })?;
        Ok(name)
    }
}

/// The acceptor's context, which is discarded after the ticket is decrypted.
struct AcceptedContext<'a> {
    gssapi: &'a GssapiLibrary,
    handle: Handle,
}

impl Drop for AcceptedContext<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: as in the drop of `SecurityContext`.
        unsafe { (self.gssapi.functions.gss_delete_sec_context)(&mut minor, &mut self.handle, null_mut()) };
    }
}

/// Whether the server must prove its identity as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutualAuthentication {
    /// The server must prove its identity.
    Required,
    /// The server need not prove its identity.
    NotRequired,
}

/// The initiator's context of one authentication to a service.
pub(super) struct SecurityContext {
    credential: Arc<GssCredential>,
    target: Arc<GssName>,
    handle: Handle,
}

// SAFETY: a context is not bound to a thread, and only calls that have it as `&mut` change it.
unsafe impl Send for SecurityContext {}

/// The result of one step of an authentication.
pub(super) struct ContextStep {
    /// The token for the server.
    pub(super) token: Vec<u8>,
    /// Whether this was the last step, and the server has proven its identity if that is required.
    pub(super) is_complete: bool,
    /// The remaining lifetime of the ticket.
    pub(super) lifetime: Duration,
}

impl SecurityContext {
    /// Begins an authentication to `target`. If `credential` is in another account's name and has no ticket to `target`
    /// yet, a ticket is obtained (S4U2Proxy, [MS-SFU] 3.1.5.2.1). The credential is never delegated to the server.
    pub(super) fn begin(
        credential: Arc<GssCredential>,
        target: Arc<GssName>,
        proof: MutualAuthentication,
    ) -> Result<(Self, ContextStep), GssStatus> {
        let mut context = Self { credential, target, handle: null_mut() };
        let stepped = context.step(None, proof)?;
        Ok((context, stepped))
    }

    /// Processes the server's response, which is `None` in the first step, and returns the next token.
    pub(super) fn step(
        &mut self,
        response: Option<&[u8]>,
        proof: MutualAuthentication,
    ) -> Result<ContextStep, GssStatus> {
        let gssapi = &self.credential.gssapi;
        let mechanism = oid(KRB5);
        let requested = if proof == MutualAuthentication::Required { MUTUAL } else { 0 };
        let response = response.map(borrowed);
        let response = response.as_ref().map_or(null(), std::ptr::from_ref);
        let mut token = GssBuffer::new(gssapi);
        let (mut flags, mut seconds) = (0, 0);
        // SAFETY: the handles are from the library, or null for a new context; `response` is null, which means none, or
        // outlives the call; null channel bindings mean none; `token` receives memory of the library and releases it.
        let major = gssapi.call(|minor| unsafe {
            (gssapi.functions.gss_init_sec_context)(
                minor,
                self.credential.handle,
                &mut self.handle,
                self.target.handle,
                &mechanism,
                requested | INTEGRITY,
                0,
                null(),
                response,
                null_mut(),
                &mut token.description,
                &mut flags,
                &mut seconds,
            )
        })?;
        Ok(ContextStep {
            token: token.bytes().to_vec(),
            is_complete: major & CONTINUE_NEEDED == 0 && flags & requested == requested,
            lifetime: Duration::from_secs(u64::from(seconds)),
        })
    }

    /// Returns the flags of the ticket of a complete authentication (RFC 4120 5.3; bit 0 is the highest).
    pub(super) fn ticket_flags(&self) -> Result<u32, GssStatus> {
        let gssapi = &self.credential.gssapi;
        let flags_oid = oid(TICKET_FLAGS);
        let mut set: *mut BufferSet = null_mut();
        // SAFETY: as in `step`; the library allocates the set.
        gssapi.call(|minor| unsafe {
            (gssapi.functions.gss_inquire_sec_context_by_oid)(minor, self.handle, &flags_oid, &mut set)
        })?;
        // SAFETY: null, or a set from the library with `count` buffers, which is not changed.
        let first = unsafe { set.as_ref().filter(|set| set.count > 0).and_then(|set| set.elements.as_ref()) };
        // SAFETY: such a buffer has `length` bytes.
        let flags =
            first.and_then(|buffer| unsafe { bytes(buffer) }.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let mut minor = 0;
        // SAFETY: no reference into the set is left.
        unsafe { (gssapi.functions.gss_release_buffer_set)(&mut minor, &mut set) };
        Ok(flags)
    }
}

impl Drop for SecurityContext {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: as in the drop of `GssName`; a null buffer means that no final token is requested.
        unsafe {
            let delete = self.credential.gssapi.functions.gss_delete_sec_context;
            delete(&mut minor, &mut self.handle, null_mut());
        };
    }
}

/// A buffer that the library allocates.
struct GssBuffer<'a> {
    gssapi: &'a GssapiLibrary,
    description: BufferDescription,
}

impl<'a> GssBuffer<'a> {
    fn new(gssapi: &'a GssapiLibrary) -> Self {
        Self { gssapi, description: BufferDescription { length: 0, value: null_mut() } }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the description is empty, or what the library wrote into it; released only by the drop.
        unsafe { bytes(&self.description) }
    }
}

impl Drop for GssBuffer<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the description is empty, which the library ignores, or its own.
        unsafe { (self.gssapi.functions.gss_release_buffer)(&mut minor, &mut self.description) };
    }
}

/// Returns the bytes of a buffer.
///
/// # Safety
///
/// Its pointer is null, or points to `length` bytes that live and do not change while it is borrowed.
unsafe fn bytes(description: &BufferDescription) -> &[u8] {
    if description.value.is_null() {
        return &[];
    }
    // SAFETY: the caller guarantees it.
    unsafe { std::slice::from_raw_parts(description.value.cast(), description.length) }
}
