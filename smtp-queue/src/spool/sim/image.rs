//! What a disk may hold after a crash.
//!
//! * **In**: a disk with what was asked of it since the last syncs. **Out**: disks where each of these changes
//!   was made, lost, or made in part. **Promises**: all combinations when they are few enough, otherwise as
//!   many as asked for, chosen by the seed. **Limits**: the caller's. **Panics**: never. **Spec**: see `sim`.

use std::sync::Arc;

use super::{Dir, Node, SimVfs, State, Write};

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// What became of a write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Made,
    /// Only its octets in front of the first boundary of this kind behind its middle.
    Head(usize),
    /// Only its octets behind that boundary.
    Tail(usize),
    /// The file has its length and not its octets.
    Zeros,
}

const FATES: [Fate; 6] =
    [Fate::Lost, Fate::Made, Fate::Head(SECTOR), Fate::Head(PAGE), Fate::Tail(SECTOR), Fate::Zeros];

impl SimVfs {
    /// Disks that a crash now may leave: all of them if there are at most `images_max`, otherwise so many by
    /// chance. Each is a disk of its own with nothing pending.
    pub fn images(&self, images_max: u64, seed: u64) -> impl Iterator<Item = Self> + use<> {
        let state = self.state().clone();
        let choices = choices(&state);
        let all = choices.iter().try_fold(1_u64, |all, &one| all.checked_mul(one));
        let all = all.filter(|&all| all <= images_max);
        let mut chance = Chance(seed);
        (0..all.unwrap_or(images_max)).map(move |number| {
            let mut rest = number;
            let mut choose = |one: u64| match all {
                Some(_) => {
                    let chosen = rest % one;
                    rest /= one;
                    chosen
                }
                None => chance.below(one),
            };
            image(&state, &mut choose)
        })
    }
}

/// How many fates there are for each pending change, in the order in which [`image`] asks.
fn choices(state: &State) -> Vec<u64> {
    let names = state.dirs.values().flat_map(|dir| dir.pending.iter().map(|_| 2));
    let writes = state.files.iter().flat_map(|file| file.pending.iter().map(|_| 6));
    names.chain(writes).collect()
}

fn image(state: &State, choose: &mut impl FnMut(u64) -> u64) -> SimVfs {
    let mut image = State { room: state.room, ..State::default() };
    for (name, dir) in &state.dirs {
        let mut names = dir.durable.clone();
        for change in &dir.pending {
            if choose(2) == 1 {
                change.make(&mut names);
            }
        }
        let dir = Dir { visible: names.clone(), durable: names, ..Dir::default() };
        image.dirs.insert(name.clone(), dir);
    }
    for file in &state.files {
        let mut octets = file.durable.clone();
        for write in &file.pending {
            let fate = usize::try_from(choose(6)).unwrap_or_default();
            apply(&mut octets, write, FATES.get(fate).copied().unwrap_or(Fate::Made));
        }
        image.files.push(Node { visible: octets.clone(), durable: octets, ..Node::default() });
    }
    SimVfs { state: Arc::new(std::sync::Mutex::new(image)) }
}

fn apply(octets: &mut Arc<Vec<u8>>, write: &Write, fate: Fate) {
    let boundary = |unit: usize| {
        let middle = write.offset + write.octets.len() / 2;
        (middle.next_multiple_of(unit) - write.offset).min(write.octets.len())
    };
    let (from, to) = match fate {
        Fate::Lost => return,
        Fate::Made => (0, write.octets.len()),
        Fate::Head(unit) => (0, boundary(unit)),
        Fate::Tail(unit) => (boundary(unit), write.octets.len()),
        Fate::Zeros => (write.octets.len(), write.octets.len()),
    };
    let part = write.octets.get(from..to).unwrap_or_default();
    put(Arc::make_mut(octets), write.offset + from, part);
}

/// Writes into a file that grows with zeros as far as it must.
pub(super) fn put(file: &mut Vec<u8>, offset: usize, octets: &[u8]) {
    let end = offset + octets.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    if let Some(place) = file.get_mut(offset..end) {
        place.copy_from_slice(octets);
    }
}

/// Numbers that a seed determines (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}
