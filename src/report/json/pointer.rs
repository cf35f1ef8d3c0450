//! From an offset back to a JSON Pointer (RFC 6901). Reading keeps offsets only, which cost nothing; the few pointers that
//! are shown are found by a second walk.

/// Bytes of one member name that are shown.
const NAME_MAX_BYTES: usize = 64;

/// The pointers of the values, or member names, that begin at these offsets, which ascend. The text before them was read
/// without a fault.
pub(super) fn at_each(text: &str, offsets: &[usize]) -> Vec<String> {
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, open: Vec::new() };
    offsets.iter().map(|offset| walk.seek(*offset)).collect()
}

/// Offset of the value or member name that begins last before `offset`: what was read when a reader stopped there.
pub(super) fn last_before(text: &str, offset: usize) -> usize {
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, open: Vec::new() };
    let mut last = 0;
    while let Some(byte) = walk.bytes.get(walk.at).filter(|_| walk.at < offset) {
        if is_token(*byte) {
            last = walk.at;
        }
        walk.step(*byte);
    }
    last
}

/// Whether a byte between values begins one, or a member name.
fn is_token(byte: u8) -> bool {
    !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'}' | b']')
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open<'a>>,
}

/// A container, and where in it the walk stands.
enum Open<'a> {
    Object {
        /// As written, without the quotes.
        name: &'a [u8],
        /// Whether the name's value comes next, or was begun.
        in_value: bool,
    },
    Array {
        index: usize,
    },
}

impl<'a> Walk<'a> {
    /// Walks until a token begins at or behind `offset`.
    fn seek(&mut self, offset: usize) -> String {
        while let Some(byte) = self.bytes.get(self.at) {
            if is_token(*byte) && self.at >= offset {
                return self.render();
            }
            self.step(*byte);
        }
        String::new()
    }

    fn step(&mut self, byte: u8) {
        self.at += 1;
        match (byte, self.open.last_mut()) {
            (b'{', _) => self.open.push(Open::Object { name: b"", in_value: false }),
            (b'[', _) => self.open.push(Open::Array { index: 0 }),
            (b'}' | b']', _) => drop(self.open.pop()),
            (b',', Some(Open::Array { index })) => *index += 1,
            (b',', Some(Open::Object { in_value, .. })) => *in_value = false,
            (b':', Some(Open::Object { in_value, .. })) => *in_value = true,
            (b'"', _) => {
                let start = self.at;
                self.skip_string();
                if let Some(Open::Object { name, in_value: false }) = self.open.last_mut() {
                    *name = self.bytes.get(start..self.at - 1).unwrap_or_default();
                }
            }
            _ => {}
        }
    }

    fn skip_string(&mut self) {
        let bytes = self.bytes;
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
        self.at = bytes.len().max(1);
    }

    fn render(&mut self) -> String {
        // A member name is its own place: what stands there is a name that has not been stepped over.
        let (at, bytes) = (self.at, self.bytes);
        let mut pointer = String::new();
        for (level, open) in self.open.iter().enumerate() {
            let innermost = level + 1 == self.open.len();
            match open {
                Open::Array { index } => pointer.push_str(&format!("/{index}")),
                Open::Object { in_value: false, .. } if innermost => push_name(&mut pointer, name_at(bytes, at)),
                Open::Object { name, .. } => push_name(&mut pointer, name),
            }
        }
        pointer
    }
}

/// The member name whose opening quote is at `at`.
fn name_at(bytes: &[u8], at: usize) -> &[u8] {
    let mut walk = Walk { bytes, at: at + 1, open: Vec::new() };
    walk.skip_string();
    bytes.get(at + 1..walk.at - 1).unwrap_or_default()
}

/// Names come from strangers: long ones are cut, control characters replaced.
fn push_name(pointer: &mut String, raw: &[u8]) {
    pointer.push('/');
    let quoted = [b"\"", raw, b"\""].concat();
    let name: String = serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned());
    let start = pointer.len();
    for character in name.chars() {
        if pointer.len() - start > NAME_MAX_BYTES {
            pointer.push('…');
            return;
        }
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            character if character.is_control() => pointer.push(char::REPLACEMENT_CHARACTER),
            character => pointer.push(character),
        }
    }
}
