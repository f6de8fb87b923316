//! A connection to one server on which the gate's account is bound, for many searches at once. The client library
//! (ldap3) writes the questions and reads the answers; between it and the server stand the relay and its guard.

use super::dial::{Line, broken, within};
use super::entry::Entry;
use super::error::{Nonsense, Step, Unreachable};
use super::failure::Failure;
use super::filter::SearchFilter;
use super::message::{Outcome, SIZE_LIMIT_EXCEEDED, SUCCESS};
use super::relay::relay;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchOptions, SearchStream, StdStream,
};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A kind of the library's messages: what an entry is ([APPLICATION 4]).
const SEARCH_RESULT_ENTRY: u64 = 4;

/// What is searched for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: SearchFilter,
    /// Names of attributes. RFC 4511 4.5.1.8: `1.1` for none.
    pub(super) attributes: Vec<String>,
    /// How many entries are read at most.
    pub(super) limit: u16,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Whether there is more than was read.
    pub(super) more: bool,
}

/// The connection. It is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    ldap: Ldap,
    /// Why it ended, once it has.
    ended: watch::Receiver<Option<Failure>>,
    cut: CancellationToken,
    _cut_on_drop: DropGuard,
}

impl Connection {
    /// Hands a connection that is bound already to the library.
    pub(super) async fn over(line: Line) -> Result<Self, Failure> {
        let (ours, theirs) = StdUnixStream::pair().map_err(broken)?;
        ours.set_nonblocking(true).map_err(broken)?;
        let ours = UnixStream::from_std(ours).map_err(broken)?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
        let library = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (driver, ldap) = library.map_err(|_| Nonsense::NotUnderstood)?;
        let cut = CancellationToken::new();
        let (reason, ended) = watch::channel(None);
        let cutting = cut.clone();
        tokio::spawn(async move {
            // A task of its own: should the library panic, it ends that task and this connection.
            let driver = tokio::spawn(driver.drive());
            let ended = tokio::select! {
                ended = relay(line, ours) => ended,
                () = cutting.cancelled() => Unreachable::Closed.into(),
            };
            driver.abort();
            let panicked = driver.await.is_err_and(|error| error.is_panic());
            reason.send_replace(Some(if panicked { Nonsense::NotUnderstood.into() } else { ended }));
        });
        Ok(Self { ldap, ended, _cut_on_drop: cut.clone().drop_guard(), cut })
    }

    /// Whether questions may be put to it.
    pub(super) fn is_open(&self) -> bool {
        !self.cut.is_cancelled() && self.ended.borrow().is_none()
    }

    /// Ends it, with all that is under way on it.
    pub(super) fn close(&self) {
        self.cut.cancel();
    }

    /// Searches, within `limit`. Whoever stops waiting for it tells the server so (RFC 4511 4.11). A connection that
    /// does not answer in time is closed: who knows what comes on it, and when.
    pub(super) async fn search(&self, search: Search, limit: Duration) -> Result<Found, Failure> {
        let answered = within(limit, Step::Search, self.answer(search)).await;
        if answered.as_ref().is_err_and(|failure| !matches!(failure, Failure::Refused { .. })) {
            self.close();
        }
        answered
    }

    async fn answer(&self, search: Search) -> Result<Found, Failure> {
        let (reply, answer) = oneshot::channel();
        // A task of its own: it outlives the one who asks by the time that it takes to say that nobody waits any more.
        tokio::spawn(run(self.ldap.clone(), search, reply));
        match answer.await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(self.why_it_ended().await),
            // The library panicked at the answer.
            Err(_) => Err(Nonsense::NotUnderstood.into()),
        }
    }

    /// The library only says that it got nothing more. The relay knows why, or is about to.
    async fn why_it_ended(&self) -> Failure {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or(Nonsense::NotUnderstood.into())
    }
}

type Answer = Result<Result<Found, Failure>, LdapError>;
type Stream = SearchStream<'static, String, Vec<String>>;

async fn run(mut ldap: Ldap, search: Search, mut reply: oneshot::Sender<Answer>) {
    // The server may stop at the limit by itself; that it does is not relied on. Aliases are not followed.
    ldap.with_search_options(SearchOptions::new().sizelimit(search.limit.into()));
    let begun =
        ldap.streaming_search(&search.base, search.scope, search.filter.as_str(), search.attributes).await;
    let mut stream = match begun {
        Ok(stream) => stream,
        Err(error) => return drop(reply.send(Err(error))),
    };
    let read = tokio::select! {
        read = read(&mut stream, search.limit.into()) => Some(read),
        () = reply.closed() => None,
    };
    let id = stream.ldap_handle().last_id();
    let over = stream.res.is_some();
    stream.finish().await;
    if let Some(read) = read {
        drop(reply.send(read));
    }
    if !over {
        // Where the connection is gone the server has forgotten the search anyway.
        drop(ldap.abandon(id).await);
    }
}

/// Entries up to the limit. References to other directories are passed over: nobody goes there.
async fn read(stream: &mut Stream, limit: usize) -> Answer {
    let mut found = Found::default();
    while let Some(item) = stream.next().await? {
        if item.0.id != SEARCH_RESULT_ENTRY {
            continue;
        }
        if found.entries.len() == limit {
            found.more = true;
            return Ok(Ok(found));
        }
        match Entry::read(item.0) {
            Ok(entry) => found.entries.push(entry),
            Err(nonsense) => return Ok(Err(nonsense.into())),
        }
    }
    let Some(result) = &stream.res else { return Ok(Err(Nonsense::NotUnderstood.into())) };
    match result.rc {
        SUCCESS => Ok(Ok(found)),
        SIZE_LIMIT_EXCEEDED => Ok(Ok(Found { more: true, ..found })),
        code => {
            let outcome = Outcome { code, text: result.text.clone() };
            Ok(Err(outcome.failure(Step::Search)))
        }
    }
}
