//! Reading of a vision model's text, which is not trusted: prose, fences, cut-off JSON, boxes in
//! any unit, fields of the wrong type.

use books::Isbn;
use serde_json::Value;

use crate::detection::{BoundingBox, Detection};
use crate::merge::merge;

/// The confidence of a book for which a model states none, or none that is a number: below the
/// usual threshold for approval, so that somebody looks at it.
pub const DEFAULT_CONFIDENCE: f32 = 0.5;

/// Largest number of books that are taken from one photo.
pub const MAX_BOOKS: usize = 200;

/// Longest title in characters; what is longer is cut.
pub const MAX_TITLE: usize = 300;

/// Longest author in characters; what is longer is cut.
pub const MAX_AUTHOR: usize = 200;

/// Number of bytes up to which an answer is searched.
const MAX_TEXT: usize = 1 << 20;

/// Largest number of places in an answer that look like the beginning of an object and are not.
const MAX_FALSE_STARTS: usize = 200;

/// Order of the coordinates in a list of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CornerOrder {
    /// `[ymin, xmin, ymax, xmax]`, as Gemini was trained.
    VerticalFirst,
    /// `[xmin, ymin, xmax, ymax]`, as the Qwen family was.
    HorizontalFirst,
}

impl CornerOrder {
    /// The order of a whole answer: that of the model's family, unless pixels can only be meant the
    /// other way round.
    fn of(books: &[Value], (width, height): (u32, u32), habit: Self) -> Self {
        let lists: Vec<[f32; 4]> = books.iter().filter_map(list_of_corners).collect();
        let largest = |at: [usize; 2]| {
            let values = lists.iter().flat_map(|list| at.map(|at| list[at]));
            values.fold(0.0f32, f32::max)
        };
        let (first, second) = (largest([0, 2]), largest([1, 3]));
        if first.max(second) <= MOST_THOUSANDTHS {
            return habit;
        }
        let fits = |x: f32, y: f32| x <= width as f32 * OVERSHOOT && y <= height as f32 * OVERSHOOT;
        match (fits(second, first), fits(first, second)) {
            (true, false) => Self::VerticalFirst,
            (false, true) => Self::HorizontalFirst,
            _ => habit,
        }
    }
}

/// The factor by which a position in pixels may exceed the photo: models overshoot a little.
const OVERSHOOT: f32 = 1.02;
/// The largest coordinate in thousandths: larger numbers are pixels.
const MOST_THOUSANDTHS: f32 = 1010.0;

/// The books in an answer, or none when there is no list of books in it at all.
///
/// An answer that was cut off yields every book that is whole. `size` is the photo's width and
/// height in pixels, for models that answer in pixels.
pub(crate) fn read(text: &str, size: (u32, u32), habit: CornerOrder) -> Option<Vec<Detection>> {
    let answer = text
        .rsplit_once("</think>")
        .map_or(text, |(_, answer)| answer);
    let end = answer.floor_char_boundary(MAX_TEXT);
    let mut found = Found::default();
    let mut rest = &answer[..end];
    // Outermost objects first; where one is not whole, those inside it may be.
    let mut false_starts = 0;
    while let Some(start) = rest.find('{') {
        if false_starts == MAX_FALSE_STARTS {
            break;
        }
        rest = &rest[start..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let consumed = match stream.next() {
            Some(Ok(value)) => {
                found.collect(value);
                stream.byte_offset()
            }
            _ => {
                false_starts += 1;
                1
            }
        };
        rest = &rest[consumed..];
    }
    let order = CornerOrder::of(&found.books, size, habit);
    let unit = Unit::of(&found.books, order, size);
    let books: Vec<Detection> = found
        .books
        .iter()
        .filter_map(|book| detection(book, order, unit))
        .take(MAX_BOOKS)
        .collect();
    if books.is_empty() && !found.has_list {
        return None;
    }
    Some(merge(vec![books]))
}

#[derive(Default)]
struct Found {
    books: Vec<Value>,
    has_list: bool,
}

impl Found {
    fn collect(&mut self, value: Value) {
        match value {
            Value::Object(object) if object.contains_key("title") => {
                self.books.push(Value::Object(object));
            }
            Value::Object(object) => {
                self.has_list |= object.get("books").is_some_and(Value::is_array);
                for (_, inner) in object {
                    self.collect(inner);
                }
            }
            Value::Array(values) => {
                for inner in values {
                    self.collect(inner);
                }
            }
            _ => {}
        }
    }
}

fn detection(book: &Value, order: CornerOrder, unit: Unit) -> Option<Detection> {
    let title = text(&book["title"], MAX_TITLE);
    if !title.contains(char::is_alphanumeric) || is_placeholder(&title) {
        return None;
    }
    let author = match &book["author"] {
        Value::Null => text(&book["authors"], MAX_AUTHOR),
        author => text(author, MAX_AUTHOR),
    };
    Some(Detection {
        title,
        author: if is_placeholder(&author) {
            String::new()
        } else {
            author
        },
        isbn: Isbn::parse(&text(&book["isbn"], 40)).ok(),
        confidence: confidence(&book["confidence"]),
        bounding_box: corners(book, order)
            .map_or_else(BoundingBox::default, |corners| unit.normalise(corners)),
        photo: 0,
    })
}

/// Whether a text is what models write instead of leaving a field empty.
fn is_placeholder(text: &str) -> bool {
    const PLACEHOLDERS: [&str; 8] = [
        "unknown title",
        "unknown author",
        "unknown",
        "illegible",
        "unreadable",
        "not visible",
        "none",
        "null",
    ];
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    PLACEHOLDERS.iter().any(|p| bare.eq_ignore_ascii_case(p)) || text.eq_ignore_ascii_case("n/a")
}

/// A string, a number, or a list of them, on one line and at most `limit` characters long.
fn text(value: &Value, limit: usize) -> String {
    let raw = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => {
            let parts: Vec<&str> = values.iter().filter_map(Value::as_str).take(10).collect();
            parts.join(", ")
        }
        _ => return String::new(),
    };
    let words = raw
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > limit * 4 {
            break;
        }
    }
    line.chars()
        .take(limit)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

fn number(value: &Value) -> Option<f32> {
    let number = match value {
        Value::Number(number) => number.as_f64()? as f32,
        Value::String(text) => text.trim().trim_end_matches('%').parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn confidence(value: &Value) -> f32 {
    match number(value) {
        Some(v) if (0.0..=1.0).contains(&v) => v,
        Some(percent) if (1.0..=100.0).contains(&percent) => percent / 100.0,
        _ => DEFAULT_CONFIDENCE,
    }
}

/// Two opposite corners, x first, in the answer's own unit.
type Corners = [f32; 4];

fn place(book: &Value) -> Option<(&'static str, &Value)> {
    const NAMES: [&str; 6] = [
        "box",
        "box_2d",
        "bbox_2d",
        "boundingBox",
        "bounding_box",
        "bbox",
    ];
    NAMES
        .iter()
        .map(|name| (*name, &book[*name]))
        .find(|(_, value)| !value.is_null())
}

fn list_of_corners(book: &Value) -> Option<[f32; 4]> {
    match place(book)?.1.as_array()?.as_slice() {
        [a, b, c, d] => Some([number(a)?, number(b)?, number(c)?, number(d)?]),
        _ => None,
    }
}

fn corners(book: &Value, order: CornerOrder) -> Option<Corners> {
    let (name, value) = place(book)?;
    match value {
        Value::Array(_) => {
            let [a, b, c, d] = list_of_corners(book)?;
            // Only the Qwen family has this name for it.
            Some(match (name, order) {
                ("bbox_2d", _) | (_, CornerOrder::HorizontalFirst) => [a, b, c, d],
                (_, CornerOrder::VerticalFirst) => [b, a, d, c],
            })
        }
        Value::Object(_) => {
            let any = |names: [&str; 2]| names.iter().find_map(|name| number(&value[*name]));
            let (x1, y1) = match (any(["x1", "xmin"]), any(["y1", "ymin"])) {
                (Some(x), Some(y)) => (x, y),
                _ => (number(&value["x"])?, number(&value["y"])?),
            };
            let x2 = any(["x2", "xmax"]).or_else(|| Some(x1 + number(&value["width"])?))?;
            let y2 = any(["y2", "ymax"]).or_else(|| Some(y1 + number(&value["height"])?))?;
            Some([x1, y1, x2, y2])
        }
        _ => None,
    }
}

/// The unit in which a model gives positions. All of an answer's numbers have the same one, which
/// the largest of them shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Fractions,
    Thousandths,
    Pixels(f32, f32),
}

impl Unit {
    fn of(books: &[Value], order: CornerOrder, (width, height): (u32, u32)) -> Self {
        let largest = books
            .iter()
            .filter_map(|book| corners(book, order))
            .flatten()
            .fold(0.0f32, |most, v| most.max(v.abs()));
        match largest {
            v if v <= 1.5 => Self::Fractions,
            v if v <= MOST_THOUSANDTHS => Self::Thousandths,
            _ => Self::Pixels(width.max(1) as f32, height.max(1) as f32),
        }
    }

    /// Converts corners to fractions of the photo; a box without extent becomes the whole photo.
    fn normalise(self, [x1, y1, x2, y2]: Corners) -> BoundingBox {
        let (width, height) = match self {
            Self::Fractions => (1.0, 1.0),
            Self::Thousandths => (1000.0, 1000.0),
            Self::Pixels(width, height) => (width, height),
        };
        let place = BoundingBox::new((x1 / width, y1 / height), (x2 / width, y2 / height));
        if place.x2 - place.x1 < SMALLEST || place.y2 - place.y1 < SMALLEST {
            return BoundingBox::default();
        }
        place
    }
}

/// The least width and height of a legible spine, in fractions of the photo.
const SMALLEST: f32 = 0.002;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SIZE: (u32, u32) = (2048, 1536);

    fn read(text: &str, size: (u32, u32)) -> Option<Vec<Detection>> {
        super::read(text, size, CornerOrder::VerticalFirst)
    }

    fn titles(text: &str) -> Option<Vec<String>> {
        read(text, SIZE).map(|books| books.into_iter().map(|b| b.title).collect())
    }

    fn only(book: Value) -> Detection {
        let text = json!({ "books": [book] }).to_string();
        read(&text, SIZE).unwrap().remove(0)
    }

    #[test]
    fn whatever_surrounds_the_json_the_books_are_found() {
        let whole = r#"{"books":[{"title":"Babel"},{"title":"Rodham"}]}"#;
        for text in [
            whole.to_owned(),
            format!("```json\n{whole}\n```"),
            format!("Sure! Here {{are}} the books:\n{whole}\nAnything else?"),
            format!("<think>{{\"title\":\"Not this\"}}</think>{whole}"),
            r#"[{"title":"Babel"},{"title":"Rodham"}]"#.to_owned(),
            format!(r#"{{"result":{whole}}}"#),
            r#"{"books":[{"title":"Babel"},{"title":"Rodham"},{"title":"The Bo"#.to_owned(),
            "{\"title\":\"Babel\"}\n{\"title\":\"Rodham\"}".to_owned(),
        ] {
            assert_eq!(
                titles(&text),
                Some(vec!["Babel".into(), "Rodham".into()]),
                "{text}"
            );
        }
    }

    #[test]
    fn an_empty_list_is_an_answer_and_anything_else_is_none() {
        assert_eq!(titles(r#"{"books":[]}"#), Some(vec![]));
        for text in [
            "",
            "I see a shelf.",
            "{}",
            "[]",
            r#"{"books":[{"tit"#,
            r#"{"error":"no"}"#,
        ] {
            assert_eq!(titles(text), None, "{text}");
        }
    }

    #[test]
    fn boxes_in_every_unit_are_the_same_box() {
        let expected = BoundingBox::new((0.25, 0.5), (0.5, 1.0));
        for place in [
            json!({"box": [0.5, 0.25, 1.0, 0.5]}),
            json!({"box": [500, 250, 1000, 500]}),
            json!({"box": [1000, 500, 500, 250]}),
            json!({"box": ["500", "250", "1000", "500"]}),
            json!({"box_2d": [768, 512, 1536, 1024]}),
            json!({"bbox_2d": [250, 500, 500, 1000]}),
            json!({"bbox": {"x1": 0.25, "y1": 0.5, "x2": 0.5, "y2": 1.0}}),
            json!({"boundingBox": {"x": 250, "y": 500, "width": 250, "height": 500}}),
        ] {
            let mut book = place.clone();
            book["title"] = json!("Babel");
            assert_eq!(only(book).bounding_box, expected, "{place}");
        }
    }

    #[test]
    fn corners_are_in_the_order_of_the_models_family_unless_they_cannot_be() {
        let of = |place: Value, habit, size| {
            let text = json!({"books": [{"title": "Babel", "box": place}]}).to_string();
            super::read(&text, size, habit).unwrap()[0].bounding_box
        };
        let spine = BoundingBox::new((0.5, 0.1), (0.6, 0.9));
        use CornerOrder::{HorizontalFirst, VerticalFirst};
        for (place, habit, size) in [
            (json!([100, 500, 900, 600]), VerticalFirst, SIZE),
            (json!([500, 100, 600, 900]), HorizontalFirst, SIZE),
            // Pixels: 1,800 is more than the photo is high.
            (
                json!([1000, 200, 1200, 1800]),
                HorizontalFirst,
                (2000, 2000),
            ),
            (
                json!([1000, 150, 1200, 1350]),
                HorizontalFirst,
                (2000, 1500),
            ),
        ] {
            assert_eq!(of(place.clone(), habit, size), spine, "{place} {habit:?}");
        }
        let wide = json!([1600, 150, 1800, 1350]);
        let right = BoundingBox::new((0.8, 0.1), (0.9, 0.9));
        assert_eq!(of(wide.clone(), VerticalFirst, (2000, 1500)), right);
        assert_eq!(of(wide, HorizontalFirst, (2000, 1500)), right);
    }

    #[test]
    fn a_useless_box_is_the_whole_photo() {
        for place in [
            json!(null),
            json!([1, 2, 3]),
            json!([500, 500, 500, 500]),
            json!("left"),
            json!({"x1": 3}),
        ] {
            let book = only(json!({"title": "Babel", "box": place}));
            assert_eq!(book.bounding_box, BoundingBox::default(), "{place}");
        }
    }

    #[test]
    fn fields_are_taken_as_far_as_they_make_sense() {
        let book = only(json!({
            "title": "  The\n Poppy\tWar ", "authors": ["R. F. Kuang", "Somebody"],
            "isbn": "978-0-06-302142-6", "confidence": "85%",
        }));
        assert_eq!(book.title, "The Poppy War");
        assert_eq!(book.author, "R. F. Kuang, Somebody");
        assert_eq!(book.isbn, Isbn::parse("9780063021426").ok());
        assert_eq!(book.confidence, 0.85);

        let book =
            only(json!({"title": 1984, "author": "unknown", "isbn": "123", "confidence": -3}));
        assert_eq!(
            (book.title.as_str(), book.author.as_str(), book.isbn),
            ("1984", "", None)
        );
        assert_eq!(book.confidence, DEFAULT_CONFIDENCE);
    }

    #[test]
    fn what_is_no_title_is_no_book() {
        for title in [
            json!(""),
            json!("  "),
            json!("?!"),
            json!(null),
            json!("Illegible"),
            json!({}),
        ] {
            let text = json!({"books": [{"title": title}, {"title": "Babel"}]}).to_string();
            assert_eq!(titles(&text), Some(vec!["Babel".into()]), "{title}");
        }
    }

    #[test]
    fn absurd_lengths_and_numbers_are_cut() {
        let long = only(json!({"title": "é".repeat(10_000), "author": "a ".repeat(10_000)}));
        assert_eq!(long.title.chars().count(), MAX_TITLE);
        assert!(long.author.chars().count() <= MAX_AUTHOR);
        let many: Vec<Value> = (0..5000)
            .map(|i| json!({"title": format!("Book {i}")}))
            .collect();
        assert_eq!(
            read(&json!({"books": many}).to_string(), SIZE)
                .unwrap()
                .len(),
            MAX_BOOKS
        );
    }

    #[test]
    fn a_model_that_repeats_itself_has_seen_one_book() {
        let text = r#"{"books":[{"title":"Babel","author":"R. F. Kuang","confidence":0.4},
            {"title":"Babel","author":"R. F. Kuang","confidence":0.9}]}"#;
        let books = read(text, SIZE).unwrap();
        assert_eq!(books.len(), 1);
        assert_eq!(books[0].confidence, 0.9);
    }

    #[test]
    fn hostile_nesting_is_cheap() {
        for piece in [r#"{"a":"#, "{", r#"{"a":[{},"#, r#"{"books":[{"title":"#] {
            let _ = read(&piece.repeat(100_000), SIZE);
        }
    }

    fn books() -> impl Strategy<Value = Vec<Value>> {
        // Titles differ in their number, so that none are merged; quotes, braces and backslashes
        // inside strings must not mislead the search.
        let one = (
            r#"[a-zé "{}\\\[\],:]{0,20}"#,
            0.0f64..1.0,
            [2u32..999, 2..999, 2..999, 2..999],
        );
        prop::collection::vec(one, 0..6).prop_map(|books| {
            let numbered = books.into_iter().enumerate();
            numbered
                .map(|(i, (title, confidence, place))| {
                    json!({"title": format!("{title} x{i}"), "author": format!("{title}y"),
                           "confidence": confidence, "box": place})
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_prefix_of_an_answer_yields_a_prefix_of_its_books(books in books()) {
            let text = json!({ "books": books }).to_string();
            let all = read(&text, SIZE).unwrap();
            let mut longest = 0;
            for end in (0..text.len()).filter(|i| text.is_char_boundary(*i)) {
                let some = read(&text[..end], SIZE).unwrap_or_default();
                prop_assert!(all.starts_with(&some), "{} gave {:?}", &text[..end], some);
                prop_assert!(some.len() >= longest, "a longer prefix has fewer books");
                longest = some.len();
            }
            prop_assert_eq!(longest, all.len());
        }

        #[test]
        fn arbitrary_answers_never_panic(text in ".{0,200}", json in "[\\[\\]{}\":,0-9a-z \\\\]{0,200}") {
            let _ = read(&text, SIZE);
            let _ = read(&json, (0, 0));
        }
    }
}
