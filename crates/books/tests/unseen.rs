//! Uploads that were written down with what their readers expect before the code was looked at,
//! in `unseen.txt`; files in encodings of old programs.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::{check, read};

#[test]
fn every_upload_comes_to_what_its_reader_expects() {
    check_all(include_str!("unseen.txt"), 60);
}

#[test]
fn a_mark_of_the_order_of_bytes_stands_before_the_separator() {
    check(
        "\u{feff}sep=;\r\nTitel;Autor;ISBN\r\nKüste;Anna Berg;9783551551672\r\n",
        "Küste | Anna Berg | 9783551551672",
    );
    check(
        "\u{feff}\"Titel\";\"Autor\"\r\n\"Küste\";\"Anna Berg\"\r\n",
        "Küste | Anna Berg",
    );
}

/// UTF-16 in both orders of bytes, with and without their mark.
#[test]
fn texts_of_sixteen_bits_are_read_in_both_orders() {
    let file = "Titel\tAutor\r\nDie graue Küste\tAnna Berg\r\nEmma\tJane Austen\r\n";
    for mark in ["", "\u{feff}"] {
        let units: Vec<u16> = format!("{mark}{file}").encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big] {
            assert_eq!(
                read(&bytes),
                "Die graue Küste | Anna Berg\nEmma | Jane Austen"
            );
        }
    }
}

/// "Titel;Autor" of an old spreadsheet for DOS, and one line in another encoding than the others.
#[test]
fn encodings_of_old_programs_are_read() {
    let files: [(&[u8], &str); 7] = [
        // DOS, German
        (b"Titel;Autor;Verlag\r\nDie graue K\x81ste;J\x81rgen M\x94hring;H\x84user\r\nGr\x81\xe1e;Anna B\x94ll;\r\n", "Die graue Küste | Jürgen Möhring | Häuser\nGrüße | Anna Böll"),
        // one line in another encoding
        (b"Titel;Autor\r\nK\xc3\xbcste;J\xc3\xbcrgen Berg\r\nD\xfcne;Anna B\xf6ll\r\n", "Küste | Jürgen Berg\nDüne | Anna Böll"),
        // Greek
        (b"\xd4\xdf\xf4\xeb\xef\xf2;\xd3\xf5\xe3\xe3\xf1\xe1\xf6\xdd\xe1\xf2\r\n\xc7 \xe8\xdc\xeb\xe1\xf3\xf3\xe1;\xc1\xed\xed\xe1 \xd0\xe1\xf0\xdc\r\n", "Η θάλασσα | Αννα Παπά"),
        // Turkish
        (b"Kitap Ad\xfd;Yazar;Yay\xfdnevi\r\nGri K\xfdy\xfd;Ay\xfee Da\xf0;\xdd\xfe Bankas\xfd\r\n\xc7\xf6l;\xd6mer G\xfcl;Can\r\n", "Gri Kıyı | Ayşe Dağ | İş Bankası"),
        // Russian
        (b"\xcd\xe0\xe7\xe2\xe0\xed\xe8\xe5;\xc0\xe2\xf2\xee\xf0\r\n\xd1\xe5\xf0\xfb\xe9 \xe1\xe5\xf0\xe5\xe3;\xcd\xe0\xed \xce\xf2\xf2\r\n", "Серый берег | Нан Отт"),
        // Big5
        (b"\xae\xd1\xa6W,\xa7@\xaa\xcc\r\n\xa6\xc7\xa6\xe2\xaa\xba\xae\xfc,\xaaL\xaai\r\n", "灰色的海 | 林波"),
        // Korean
        (b"\xc1\xa6\xb8\xf1,\xc0\xfa\xc0\xda\r\n\xc8\xb8\xbb\xf6 \xb9\xd9\xb4\xd9,\xb1\xe8\xbe\xc8\r\n", "회색 바다 | 김안"),
    ];
    for (file, expected) in files {
        let read = read(file);
        assert!(read.starts_with(expected), "{read}");
    }
}
