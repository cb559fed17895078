//! The committed corpus, and small changes of it, through every target.

#[cfg(test)]
mod replay {
    use std::path::Path;

    /// Runs the files of a target, then copies of them with an octet changed, doubled or taken out.
    fn replay(target: &str, body: fn(&[u8])) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let octets = std::fs::read(&path).unwrap();
            body(&octets);
            for seed in 0..60 {
                body(&changed(&octets, seed));
            }
            files += 1;
        }
        assert!(5 < files, "{files} files of {target}");
    }

    fn changed(octets: &[u8], seed: u64) -> Vec<u8> {
        const INTERESTING: &[u8] = b"\r\n.\0 <>@\"\\\xff0A:";
        let mut octets = octets.to_vec();
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let mut number = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
        };
        for _ in 0..=number(4) {
            let at = number(octets.len());
            let Some(octet) = octets.get(at).copied() else { break };
            match number(4) {
                0 => octets[at] = INTERESTING[number(INTERESTING.len())],
                1 => octets.insert(at, INTERESTING[number(INTERESTING.len())]),
                2 => octets.insert(at, octet),
                _ => drop(octets.remove(at)),
            }
        }
        octets
    }

    #[test]
    fn command() {
        replay("command", smtp_fuzz::command);
    }

    #[test]
    fn reply() {
        replay("reply", smtp_fuzz::reply);
    }

    #[test]
    fn address() {
        replay("address", smtp_fuzz::address);
    }

    #[test]
    fn line() {
        replay("line", smtp_fuzz::line);
    }

    #[test]
    fn data() {
        replay("data", smtp_fuzz::data);
    }

    #[test]
    fn session() {
        replay("session", smtp_fuzz::session);
    }

    #[test]
    fn spool_log() {
        replay("spool_log", smtp_fuzz::spool_log);
    }

    #[test]
    fn spool_text() {
        replay("spool_text", smtp_fuzz::spool_text);
    }
}
