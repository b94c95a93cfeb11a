//! A number for the rules by which a record is taken for a wanted book.

/// A number that is another one whenever the code changes by which books and records are compared:
/// what was accepted by other rules is looked at again.
pub const RULES: u64 = digest(&FILES);

/// Files by their names, with what is in them.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_bytes!($name) as &[u8])),*]
    };
}

/// The code that compares titles and people, by its files.
const FILES: [(&str, &[u8]); 19] = files!(
    "entities.rs"
    "matching.rs"
    "name.rs"
    "name/cell.rs"
    "name/company.rs"
    "name/given_names.txt"
    "name/known.rs"
    "name/likeness.rs"
    "name/order.rs"
    "name/parts.rs"
    "name/role.rs"
    "name/separator.rs"
    "name/word.rs"
    "numeral.rs"
    "other_book.rs"
    "series.rs"
    "text.rs"
    "title.rs"
    "word_list.rs"
);

/// A number made of all bytes, eight at a time.
const fn digest(files: &[(&str, &[u8])]) -> u64 {
    let mut digest = 0_u64;
    let mut file = 0;
    while file < files.len() {
        let (mut rest, mut last) = (files[file].1, 0);
        while let Some((eight, behind)) = rest.split_first_chunk() {
            digest = mixed(digest, u64::from_le_bytes(*eight));
            rest = behind;
        }
        while let Some((byte, behind)) = rest.split_first() {
            last = last << 8 | *byte as u64;
            rest = behind;
        }
        digest = mixed(mixed(digest, last), files[file].1.len() as u64);
        file += 1;
    }
    digest
}

const fn mixed(digest: u64, more: u64) -> u64 {
    (digest ^ more)
        .rotate_left(23)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_number_changes_with_every_byte() {
        let digest = |text: &'static str| digest(&[("a", text.as_bytes())]);
        let texts = [
            "",
            "a",
            "b",
            "12345678",
            "12345679",
            "123456789",
            "abcdefgh12345678",
        ];
        let digests: BTreeSet<u64> = texts.map(digest).into();
        assert_eq!(digests.len(), texts.len());
    }

    /// Every file that these files use is among them, apart from those that compare nothing.
    #[test]
    fn the_number_is_of_all_rules() {
        const OF_NO_RULE: [&str; 2] = ["provider", "tally"];
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let is_there = |name: &str| FILES.iter().any(|(file, _)| *file == name);
        let mut missing = BTreeSet::new();
        for entry in source.join("name").read_dir().unwrap() {
            let name = format!("name/{}", entry.unwrap().file_name().display());
            if !is_there(&name) {
                missing.insert(name);
            }
        }
        for (_, bytes) in FILES {
            let text = std::str::from_utf8(bytes).unwrap();
            for used in text.split("crate::").skip(1) {
                let module = used.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                let module = module.into_iter().next().unwrap_or_default();
                let is_file = source.join(format!("{module}.rs")).exists();
                let file = format!("{module}.rs");
                if is_file && !is_there(&file) && !OF_NO_RULE.contains(&module) {
                    missing.insert(file);
                }
            }
        }
        assert_eq!(missing, BTreeSet::new());
    }
}
