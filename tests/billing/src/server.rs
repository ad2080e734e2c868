//! The server: HTTP/1.1 as far as it is needed, one request for each connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::asked::Asked;
use crate::fault::{Fault, FaultKind};
use crate::world::{Api, FakeDay, World};
use crate::{anthropic, openai};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// An administration API on a port of this machine. Dropping it stops it.
pub struct FakeBilling {
    world: Arc<Mutex<World>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    address: SocketAddr,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl FakeBilling {
    /// Starts on a free port of 127.0.0.1; `key` opens it.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(api: Api, key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let world = World {
            api,
            key: key.to_owned(),
            days: BTreeMap::new(),
            silent: BTreeSet::new(),
            doubled: BTreeSet::new(),
            page_size: usize::MAX,
            faults: Vec::new(),
            split_extra: None,
            pages: HashMap::new(),
        };
        let (world, asked) = (Arc::new(Mutex::new(world)), Arc::default());
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let serving = Serving { world: Arc::clone(&world), asked: Arc::clone(&asked) };
        tracker.spawn(accept(listener, serving, stop.clone(), tracker.clone()));
        Ok(Self { world, asked, address, stop, tracker })
    }

    /// Where it is, as a collector is told: with `/v1` for OpenAI.
    #[must_use]
    pub fn base_url(&self) -> String {
        let version = if self.world().api == Api::OpenAi { "/v1" } else { "" };
        format!("http://{}{version}", self.address)
    }

    /// Says what a day, such as `2026-11-21`, came to.
    pub fn set(&self, date: &str, day: FakeDay) {
        self.world().days.insert(number(date), day);
    }

    /// Says nothing of a day.
    pub fn omit(&self, date: &str) {
        self.world().silent.insert(number(date));
    }

    /// Says everything of a day twice.
    pub fn double(&self, date: &str) {
        self.world().doubled.insert(number(date));
    }

    /// Puts at most so many days on a page.
    pub fn set_page_size(&self, days: usize) {
        self.world().page_size = days.max(1);
    }

    /// Adds a line to the bill that is split, and not to the whole.
    pub fn set_split_extra(&self, amount: &str) {
        self.world().split_extra = Some(amount.to_owned());
    }

    /// Does this wrong; faults that were asked for before are forgotten.
    pub fn fail(&self, fault: Fault) {
        self.world().faults = vec![fault];
    }

    /// Does nothing wrong any more.
    pub fn heal(&self) {
        self.world().faults.clear();
    }

    /// Another key opens it.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut self.world().key);
    }

    /// The requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops: its port refuses connections when this returns.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FakeBilling {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Days since 1970.
fn number(date: &str) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    let date: Date = date.parse().unwrap_or(epoch);
    date.since(epoch).map_or(0, |span| i64::from(span.get_days()))
}

async fn accept(
    listener: TcpListener,
    serving: Serving,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    while let Some(Ok((stream, _))) = stop.run_until_cancelled(listener.accept()).await {
        let (serving, stop) = (serving.clone(), stop.clone());
        tracker.spawn(async move {
            // A client that goes away is its own affair.
            let _ = stop.run_until_cancelled(serving.serve(stream)).await;
        });
    }
}

#[derive(Clone)]
struct Serving {
    world: Arc<Mutex<World>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What a request gets.
struct Reply {
    status: u16,
    retry_after: Option<String>,
    body: String,
    cut: bool,
}

impl Serving {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some(asked) = head(&mut stream).await? else { return Ok(()) };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        let Some(reply) = self.reply(&asked) else { return pending().await };
        let retry = reply.retry_after.map(|after| format!("retry-after: {after}\r\n"));
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n{}\r\n",
            reply.status,
            reply.body.len(),
            retry.unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).await?;
        let body = reply.body.as_bytes();
        if reply.cut {
            stream.write_all(body.get(..body.len() / 2).unwrap_or_default()).await?;
            stream.flush().await?;
            return stream.set_zero_linger();
        }
        stream.write_all(body).await?;
        stream.shutdown().await
    }

    /// None where it is never answered.
    fn reply(&self, asked: &Asked) -> Option<Reply> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = world.faults.iter_mut().find_map(|fault| {
            let kind = fault.kind.clone();
            fault.strikes().then_some(kind)
        });
        let plain = |(status, body)| Reply { status, retry_after: None, body, cut: false };
        let answered = match (asked.method.as_str(), world.api) {
            ("GET", Api::OpenAi) => openai::answer(&mut world, asked),
            ("GET", Api::Anthropic) => anthropic::answer(&mut world, asked),
            _ => Err((405, world.error("invalid_request_error", "use GET"))),
        };
        let usual = answered.map_or_else(plain, |body| plain((200, body)));
        Some(match fault {
            None => usual,
            Some(FaultKind::Stall) => return None,
            Some(FaultKind::Cut) => Reply { cut: true, ..usual },
            Some(FaultKind::Malformed) => plain((200, "{\"data\":[{".to_owned())),
            Some(FaultKind::NoPage) => plain((200, "{\"status\":\"ok\"}".to_owned())),
            Some(FaultKind::RepeatCursor) => {
                plain((200, "{\"data\":[],\"has_more\":true,\"next_page\":\"page_1\"}".to_owned()))
            }
            Some(FaultKind::Refuse { status, kind, message, retry_after }) => {
                let body = world.error(&kind, &message);
                Reply { status, retry_after, body, cut: false }
            }
        })
    }
}

/// Reads to the end of a request's head; none where it has no end.
async fn head(stream: &mut TcpStream) -> io::Result<Option<Asked>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await?;
        if read == 0 || bytes.len() > MAX_HEAD {
            return Ok(None);
        }
        bytes.extend_from_slice(more.get(..read).unwrap_or_default());
    }
    Ok(Asked::parse(&String::from_utf8_lossy(&bytes)))
}
