//! The connections of a server: limited in all and for each client, silent ones first to go.

use admission::{ClientKey, Full};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The open connections of a server. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Entry>,
    by_client: HashMap<ClientKey, OfClient>,
    /// The clients that have silent connections, by the number of all that they have.
    with_silent: BTreeSet<(usize, ClientKey)>,
}

/// The connections of one client.
#[derive(Debug, Default)]
struct OfClient {
    all: usize,
    /// The silent ones, by the time since which they are.
    silent: BTreeSet<(Instant, u64)>,
}

#[derive(Debug)]
struct Entry {
    client: ClientKey,
    /// Number of requests that are being answered, and of sockets.
    busy: usize,
    /// Time since which there are none.
    idle_since: Instant,
    closed: CancellationToken,
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub struct OpenConnection {
    number: u64,
    closed: CancellationToken,
    connections: Connections,
}

/// Work on a connection, which keeps it from being closed for others.
#[derive(Debug)]
pub struct Busy {
    number: u64,
    connections: Connections,
}

impl Connections {
    /// A server's connections, at most `all` of them.
    #[must_use]
    pub fn new(all: usize) -> Self {
        Self(Arc::new(Shared {
            all,
            open: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection of `client`, which may have `per_client`. Where there is no room the
    /// one that has been silent for longest is closed: of this client when it has its share, else
    /// of the client that has most.
    ///
    /// # Errors
    /// When no connection is silent: the new one is to be closed.
    pub fn open(&self, client: ClientKey, per_client: usize) -> Result<OpenConnection, Full> {
        let mut open = self.lock();
        let has = open.by_client.get(&client).map_or(0, |client| client.all);
        if has >= per_client {
            open.close_silent(client).ok_or(Full::Key)?;
        } else if open.by_number.len() >= self.0.all {
            let (_, most) = *open.with_silent.last().ok_or(Full::All)?;
            open.close_silent(most).ok_or(Full::All)?;
        }
        open.next += 1;
        let (number, closed) = (open.next, CancellationToken::new());
        let entry = Entry {
            client,
            busy: 0,
            idle_since: Instant::now(),
            closed: closed.clone(),
        };
        open.change(client, |of_client| {
            of_client.all += 1;
            of_client.silent.insert((entry.idle_since, number));
        });
        open.by_number.insert(number, entry);
        Ok(OpenConnection {
            number,
            closed,
            connections: self.clone(),
        })
    }
}

impl Open {
    /// Changes what is counted of a client.
    fn change(&mut self, client: ClientKey, change: impl FnOnce(&mut OfClient)) {
        let of_client = self.by_client.entry(client).or_default();
        self.with_silent.remove(&(of_client.all, client));
        change(of_client);
        if !of_client.silent.is_empty() {
            self.with_silent.insert((of_client.all, client));
        }
        if of_client.all == 0 {
            self.by_client.remove(&client);
        }
    }

    /// Closes the connection of `client` that has been silent for longest.
    fn close_silent(&mut self, client: ClientKey) -> Option<()> {
        let (_, number) = *self.by_client.get(&client)?.silent.first()?;
        self.remove(number);
        Some(())
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.by_number.remove(&number) else {
            return;
        };
        entry.closed.cancel();
        self.change(entry.client, |of_client| {
            of_client.all -= 1;
            of_client.silent.remove(&(entry.idle_since, number));
        });
    }

    fn begin(&mut self, number: u64) {
        let Some(entry) = self.by_number.get_mut(&number) else {
            return;
        };
        entry.busy += 1;
        let (client, since) = (entry.client, entry.idle_since);
        self.change(client, |of_client| {
            of_client.silent.remove(&(since, number));
        });
    }

    fn end(&mut self, number: u64) {
        let Some(entry) = self.by_number.get_mut(&number) else {
            return;
        };
        entry.busy -= 1;
        entry.idle_since = Instant::now();
        let (client, since, is_silent) = (entry.client, entry.idle_since, entry.busy == 0);
        if is_silent {
            self.change(client, |of_client| {
                of_client.silent.insert((since, number));
            });
        }
    }
}

impl OpenConnection {
    /// Waits until this connection is to make room for others.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Marks the connection as busy until the returned value is dropped.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.connections.lock().begin(self.number);
        Busy {
            number: self.number,
            connections: self.connections.clone(),
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.connections.lock().end(self.number);
    }
}

/// Raises the number of files and connections that this process may have open as far as it may, and
/// returns it.
#[must_use]
pub fn raise_open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// A number of open files that is more than any limit here needs.
    const ENOUGH: u64 = 1 << 17;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if limit.current.is_some_and(|current| current < wanted) {
        let before = limit.current;
        limit.current = Some(wanted);
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = before;
        }
    }
    let open = limit.current.unwrap_or(ENOUGH).min(ENOUGH);
    usize::try_from(open).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> ClientKey {
        ClientKey::of(std::net::IpAddr::from([192, 0, 2, n]))
    }

    fn is_closed(connection: &OpenConnection) -> bool {
        connection.closed.is_cancelled()
    }

    #[test]
    fn as_many_files_are_open_as_the_machine_allows() {
        use rustix::process::{Resource, getrlimit};
        let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let open = u64::try_from(raise_open_files()).unwrap();
        assert_eq!(open, allowed.min(1 << 17));
        let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(now >= open, "{now}");
    }

    #[test]
    fn a_client_s_new_connection_closes_its_longest_silent_one() {
        let connections = Connections::new(10);
        let first = connections.open(client(1), 2).unwrap();
        let second = connections.open(client(1), 2).unwrap();
        // A request makes the first one the younger.
        drop(first.busy());
        let third = connections.open(client(1), 2).unwrap();
        assert!(is_closed(&second) && !is_closed(&first) && !is_closed(&third));
        let _busy = (first.busy(), third.busy());
        assert_eq!(connections.open(client(1), 2).err(), Some(Full::Key));
        assert!(connections.open(client(2), 2).is_ok());
    }

    #[test]
    fn when_all_are_taken_the_client_with_most_gives_one() {
        let connections = Connections::new(3);
        let many = [1, 1].map(|n| connections.open(client(n), 10).unwrap());
        let one = connections.open(client(2), 10).unwrap();
        let new = connections.open(client(3), 10).unwrap();
        assert!(is_closed(&many[0]) && !is_closed(&many[1]) && !is_closed(&one));
        let _busy = [many[1].busy(), one.busy(), new.busy()];
        assert_eq!(connections.open(client(4), 10).err(), Some(Full::All));
        drop(new);
        assert!(connections.open(client(4), 10).is_ok());
    }
}
