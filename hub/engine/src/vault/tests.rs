use std::sync::Arc;

use tempfile::TempDir;

use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn names() -> (WorkspaceId, ProviderName) {
    (WorkspaceId::default(), "openai".parse().unwrap())
}

fn secret(text: &str) -> ProviderSecret {
    ProviderSecret::new(text.to_owned()).unwrap()
}

fn in_file(path: &Path) -> Vault {
    Vault::new(Some(MasterKeySource::File(path.to_owned())))
}

#[test]
fn a_master_key_is_hexadecimal_or_base64() {
    let id = MasterKey::parse(HEX).unwrap().id();
    for same in [
        format!(" {}\n", HEX.to_uppercase()),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned(),
    ] {
        assert_eq!(MasterKey::parse(&same).unwrap().id(), id, "{same}");
    }
    let ones = "//////////////////////////////////////////8=";
    let url_safe = ones.replace('/', "_");
    assert_eq!(MasterKey::parse(ones).unwrap().id(), MasterKey::parse(&url_safe).unwrap().id());
    assert_ne!(MasterKey::parse(ones).unwrap().id(), id);
    for wrong in ["", &HEX[1..], &HEX[2..], &format!("{HEX}00"), "AAEC", &HEX.replace('0', "g")] {
        let error = MasterKey::parse(wrong).unwrap_err();
        assert!(error.to_string().contains("64 hexadecimal digits"), "{wrong}");
    }
    // The key id is on disk for ever: it must stay what it is.
    assert_eq!(id.to_string(), "3b2d2fd301c0b51e");
    let printed = format!("{:?}", MasterKeySource::Given(MasterKey::parse(HEX).unwrap()));
    assert!(!printed.contains("00010203"), "{printed}");
}

#[test]
fn what_is_sealed_opens_again_and_is_sealed_differently_each_time() {
    let ((ws, provider), key) = (names(), MasterKey::generate());
    let text = "sk-canary-éß-0123456789";
    let (one, two) =
        (key.seal(&ws, &provider, &secret(text)), key.seal(&ws, &provider, &secret(text)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.sealed, two.sealed);
    assert_ne!(one.sealed[1..13], two.sealed[1..13], "the same nonce twice");
    assert_eq!((one.master_key, one.hint.as_deref()), (key.id().0, Some("6789")));
    assert!(!String::from_utf8_lossy(&one.sealed).contains("canary"));
    for sealed in [one, two] {
        assert_eq!(key.open(&ws, &provider, &sealed.sealed).unwrap().expose(), text);
    }
}

#[test]
fn what_was_changed_or_moved_does_not_open() {
    let ((ws, provider), key) = (names(), MasterKey::generate());
    let sealed = key.seal(&ws, &provider, &secret("sk-canary-0123456789")).unwrap().sealed;
    let closed = |key: &MasterKey, ws: &WorkspaceId, provider: &ProviderName, sealed: &[u8]| {
        let error = key.open(ws, provider, sealed).unwrap_err();
        assert!(matches!(error, EngineError::ProviderKeyDamaged), "{error}");
    };
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        closed(&key, &ws, &provider, &changed);
        closed(&key, &ws, &provider, &sealed[..at]);
    }
    let mut longer = sealed.clone();
    longer.push(0);
    closed(&key, &ws, &provider, &longer);
    closed(&key, &"other".parse().unwrap(), &provider, &sealed);
    closed(&key, &ws, &"anthropic".parse().unwrap(), &sealed);
    closed(&MasterKey::generate(), &ws, &provider, &sealed);
    key.open(&ws, &provider, &sealed).unwrap();
}

#[test]
fn the_key_file_is_made_when_needed_and_for_its_owner_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secrets.key");
    let vault = in_file(&path);
    assert!(vault.key().unwrap().is_none());
    assert!(!path.exists(), "looking must not make it");
    let made = vault.key_or_new().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> =
        dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secrets.key"], "something was left over");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim_end().len(), 64);
    for found in [vault.key_or_new(), in_file(&path).key_or_new()] {
        assert_eq!(found.unwrap().id(), made.id());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    // One that another process made meanwhile is used.
    assert_eq!(create(&path).unwrap().id(), made.id());
}

#[test]
fn all_who_need_the_first_key_get_the_same() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secrets.key");
    // Of one vault, and of several on one file.
    let shared = Arc::new(in_file(&path));
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let vault =
                if number % 2 == 0 { Arc::clone(&shared) } else { Arc::new(in_file(&path)) };
            std::thread::spawn(move || vault.key_or_new().unwrap().id())
        })
        .collect();
    let ids: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_file_that_is_no_key_is_told_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secrets.key");
    for content in ["", "canary", &HEX[..62], "\u{fffd}"] {
        std::fs::write(&path, content).unwrap();
        for error in [in_file(&path).key().unwrap_err(), in_file(&path).key_or_new().unwrap_err()] {
            let text = error.to_string();
            assert!(text.contains("secrets.key") && !text.contains("canary"), "{text}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    let nowhere = in_file(&dir.path().join("no/such/secrets.key"));
    assert!(matches!(nowhere.key_or_new(), Err(EngineError::NoMasterKey { .. })));
    assert!(matches!(Vault::new(None).key_or_new(), Err(EngineError::NoMasterKey { .. })));
}
