//! A machine's disk: files in memory that forget, when the power fails, what
//! was not synced.
//!
//! ```text
//!  write, truncate ──► seen at once, and pending
//!  sync            ──► what is pending is durable
//!  the process dies──► nothing is lost: the system has the pending writes
//!  the power fails ──► of the pending writes some sectors survive, in any order
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sqlite_plugin::flags::{AccessFlags, LockLevel, OpenOpts, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{RegisterOpts, Vfs, VfsHandle, VfsResult, register_static};

use crate::dice::Dice;

/// The name under which SQLite finds these files.
const VFS: &str = "agentos-sim";
/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All disks of all simulations in this process.
#[derive(Default)]
struct Disks(Mutex<BTreeMap<String, Arc<Inner>>>);

fn disks() -> &'static Arc<Disks> {
    static DISKS: OnceLock<Arc<Disks>> = OnceLock::new();
    DISKS.get_or_init(|| {
        let disks = Arc::new(Disks::default());
        let name = CString::new(VFS).unwrap_or_default();
        let vfs = Files(Arc::clone(&disks));
        let registered = register_static(name, vfs, RegisterOpts { make_default: false });
        assert!(registered.is_ok(), "SQLite does not take the simulator's files");
        disks
    })
}

/// What is on a disk.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// One machine's disk. It is gone when this is dropped.
pub(crate) struct Disk {
    name: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    files: Mutex<BTreeMap<String, File>>,
    /// Grows with each death: who opened a file before cannot use it any more.
    life: AtomicU64,
    full: AtomicBool,
    syncs: AtomicBool,
}

#[derive(Default)]
struct File {
    /// What a reader sees.
    now: Vec<u8>,
    /// What survives whatever happens.
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(size) => content.resize(*size, 0),
        Change::Write { at, data } => {
            let end = at + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(data);
        }
    }
}

impl File {
    fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// Each sector of each pending write survives with this probability.
    fn lose(&mut self, dice: &Dice, survival: f64) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Truncate(_) if dice.chance(survival) => apply(&mut self.durable, &change),
                Change::Truncate(_) => {}
                Change::Write { at, data } => {
                    for (index, sector) in data.chunks(SECTOR).enumerate() {
                        if dice.chance(survival) {
                            let at = at + index * SECTOR;
                            apply(&mut self.durable, &Change::Write { at, data: sector.to_vec() });
                        }
                    }
                }
            }
        }
        self.now.clone_from(&self.durable);
    }
}

impl Disk {
    /// An empty disk. `name` is unique in this process.
    pub(crate) fn new(name: String) -> Self {
        let inner = Arc::new(Inner::default());
        inner.syncs.store(true, Ordering::SeqCst);
        lock(&disks().0).insert(name.clone(), Arc::clone(&inner));
        Self { name, inner }
    }

    /// A copy of what was written on it.
    pub(crate) fn image(&self) -> Image {
        let files = lock(&self.inner.files);
        files.iter().map(|(name, file)| (name.clone(), file.now.clone())).collect()
    }

    /// With these files on it.
    pub(crate) fn with(self, image: &Image) -> Self {
        let file = |content: &Vec<u8>| File {
            now: content.clone(),
            durable: content.clone(),
            pending: Vec::new(),
        };
        let files = image.iter().map(|(name, content)| (name.clone(), file(content)));
        lock(&self.inner.files).extend(files);
        self
    }

    /// The path of a file on it, for a process that begins now: with its life
    /// the path ends as well.
    pub(crate) fn path(&self, file: &str) -> String {
        format!("{}/{}/{file}", self.name, self.inner.life.load(Ordering::SeqCst))
    }

    /// The name of the VFS that such paths are for.
    pub(crate) fn vfs() -> &'static str {
        VFS
    }

    /// The process that uses it dies; the machine goes on.
    pub(crate) fn process_dies(&self) {
        self.inner.life.fetch_add(1, Ordering::SeqCst);
    }

    /// The machine loses its power.
    pub(crate) fn power_fails(&self, dice: &Dice) {
        self.process_dies();
        let survival = dice.pick(&[0.0, 0.5, 0.9]);
        for file in lock(&self.inner.files).values_mut() {
            file.lose(dice, survival);
        }
    }

    /// No write is possible while it is full.
    pub(crate) fn set_full(&self, full: bool) {
        self.inner.full.store(full, Ordering::SeqCst);
    }

    /// Has it lie about syncs from now on, as cheap disks do.
    pub(crate) fn lie(&self) {
        self.inner.syncs.store(false, Ordering::SeqCst);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.process_dies();
        lock(&disks().0).remove(&self.name);
    }
}

/// A file as SQLite holds it.
pub(crate) struct Handle {
    disk: Arc<Inner>,
    /// None: a temporary file without a name.
    name: Option<String>,
    private: File,
    life: u64,
    readonly: bool,
    delete_on_close: bool,
    /// The memory of the write-ahead log's index. One connection uses a
    /// database here, so it is shared with nobody.
    shared: Vec<Vec<u8>>,
}

impl Handle {
    fn with<T>(&mut self, work: impl FnOnce(&mut File) -> T) -> VfsResult<T> {
        if self.disk.life.load(Ordering::SeqCst) != self.life {
            return Err(vars::SQLITE_IOERR);
        }
        let Some(name) = &self.name else { return Ok(work(&mut self.private)) };
        let mut files = lock(&self.disk.files);
        Ok(work(files.entry(name.clone()).or_default()))
    }

    fn write(&mut self, change: Change) -> VfsResult<()> {
        if self.disk.full.load(Ordering::SeqCst) {
            return Err(vars::SQLITE_FULL);
        }
        self.with(|file| file.change(change))
    }
}

impl VfsHandle for Handle {
    fn readonly(&self) -> bool {
        self.readonly
    }

    fn in_memory(&self) -> bool {
        false
    }
}

struct Files(Arc<Disks>);

impl Files {
    fn disk(&self, path: &str) -> VfsResult<(Arc<Inner>, String)> {
        let mut parts = path.splitn(3, '/');
        let (Some(disk), Some(life), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(vars::SQLITE_CANTOPEN);
        };
        let inner = lock(&self.0.0).get(disk).cloned().ok_or(vars::SQLITE_CANTOPEN)?;
        if life != inner.life.load(Ordering::SeqCst).to_string() {
            return Err(vars::SQLITE_CANTOPEN);
        }
        Ok((inner, file.to_owned()))
    }
}

impl Vfs for Files {
    type Handle = Handle;

    fn canonical_path<'a>(&self, path: Cow<'a, str>) -> VfsResult<Cow<'a, str>> {
        Ok(path)
    }

    fn open(&self, path: Option<&str>, opts: OpenOpts) -> VfsResult<Handle> {
        let (disk, name) = match path {
            Some(path) => self.disk(path).map(|(disk, name)| (disk, Some(name)))?,
            None => (Arc::default(), None),
        };
        if let Some(name) = &name {
            lock(&disk.files).entry(name.clone()).or_default();
        }
        let life = disk.life.load(Ordering::SeqCst);
        Ok(Handle {
            disk,
            name,
            private: File::default(),
            life,
            readonly: opts.mode().is_readonly(),
            delete_on_close: opts.delete_on_close(),
            shared: Vec::new(),
        })
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let (disk, name) = self.disk(path)?;
        let gone = lock(&disk.files).remove(&name);
        gone.map(drop).ok_or(vars::SQLITE_IOERR_DELETE_NOENT)
    }

    fn access(&self, path: &str, _flags: AccessFlags) -> VfsResult<bool> {
        let (disk, name) = self.disk(path)?;
        let there = lock(&disk.files).contains_key(&name);
        Ok(there)
    }

    fn file_size(&self, handle: &mut Handle) -> VfsResult<usize> {
        handle.with(|file| file.now.len())
    }

    fn truncate(&self, handle: &mut Handle, size: usize) -> VfsResult<()> {
        handle.write(Change::Truncate(size))
    }

    fn write(&self, handle: &mut Handle, at: usize, data: &[u8]) -> VfsResult<usize> {
        handle.write(Change::Write { at, data: data.to_vec() })?;
        Ok(data.len())
    }

    fn read(&self, handle: &mut Handle, at: usize, data: &mut [u8]) -> VfsResult<usize> {
        handle.with(|file| {
            let there = file.now.get(at..).unwrap_or_default();
            let length = there.len().min(data.len());
            data[..length].copy_from_slice(&there[..length]);
            length
        })
    }

    fn lock(&self, _handle: &mut Handle, _level: LockLevel) -> VfsResult<()> {
        Ok(())
    }

    fn unlock(&self, _handle: &mut Handle, _level: LockLevel) -> VfsResult<()> {
        Ok(())
    }

    fn check_reserved_lock(&self, _handle: &mut Handle) -> VfsResult<bool> {
        Ok(false)
    }

    fn sync(&self, handle: &mut Handle) -> VfsResult<()> {
        let honest = handle.disk.syncs.load(Ordering::SeqCst);
        handle.with(|file| {
            if honest {
                file.sync();
            }
        })
    }

    fn close(&self, handle: Handle) -> VfsResult<()> {
        if handle.delete_on_close
            && let Some(name) = &handle.name
        {
            lock(&handle.disk.files).remove(name);
        }
        Ok(())
    }

    /// Nothing is promised that a disk might not keep.
    fn device_characteristics(&self, _handle: &mut Handle) -> VfsResult<i32> {
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE)
    }

    fn shm_map(
        &self,
        handle: &mut Handle,
        region: usize,
        size: usize,
        extend: bool,
    ) -> VfsResult<Option<NonNull<u8>>> {
        if handle.shared.len() <= region {
            if !extend {
                return Ok(None);
            }
            handle.shared.resize_with(region + 1, || vec![0; size]);
        }
        Ok(NonNull::new(handle.shared[region].as_mut_ptr()))
    }

    fn shm_lock(
        &self,
        _handle: &mut Handle,
        _offset: u32,
        _count: u32,
        _mode: ShmLockMode,
    ) -> VfsResult<()> {
        Ok(())
    }

    fn shm_unmap(&self, handle: &mut Handle, _delete: bool) -> VfsResult<()> {
        handle.shared.clear();
        Ok(())
    }
}
