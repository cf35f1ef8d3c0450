use proptest::prelude::*;

use super::{names::COMPARED_ONE_BY_ONE, *};
use crate::limits::JSON_MEMBERS_MAX;

fn skim(text: &str) -> Result<(), Fault> {
    Reader::open(text, 1024)?.skip().map(drop)
}

fn code(text: &str) -> FaultCode {
    skim(text).unwrap_err().code
}

fn place(text: &str) -> String {
    skim(text).unwrap_err().place.to_string()
}

#[test]
fn strings_are_unescaped() {
    let cases = [
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\u20AC""#, "Aé€"),
        (r#""\ud83d\ude00 x""#, "😀 x"),
        (r#""a\u0000b""#, "a\u{fffd}b"),
        ("\"\u{2028}\u{7f}\"", "\u{2028}\u{7f}"),
    ];
    for (json, text) in cases {
        assert_eq!(Reader::open(json, 1024).unwrap().string().unwrap(), text, "{json}");
    }
    let mut reader = Reader::open(r#"["x", "\u0000", "\u0000"]"#, 1024).unwrap();
    reader.array(|reader, _| reader.field().map(drop)).unwrap();
    assert_eq!(reader.take_nuls(), Some((2, 6)));
    assert_eq!(reader.take_nuls(), None);
}

#[test]
fn broken_strings_are_told() {
    use FaultCode::*;
    let cases = [
        (r#""open"#, BadJson),
        (r#""\x""#, BadJson),
        (r#""\"#, BadJson),
        (r#""\u12"#, BadJson),
        (r#""\u12g4""#, BadJson),
        ("\"a\nb\"", BadJson),
        (r#""\ud83d""#, BadEncoding),
        (r#""\ude00""#, BadEncoding),
        (r#""\ud83d\u0041""#, BadEncoding),
        (r#""\ud83d\ud83d""#, BadEncoding),
    ];
    for (json, expected) in cases {
        assert_eq!(code(json), expected, "{json}");
    }
}

#[test]
fn faults_say_their_place() {
    assert_eq!(place(r#"{"a": [1, 01]}"#), "at byte 11 of the unpacked document");
    assert_eq!(place(r#"{"a": {"b/c": [0, {"d": 1, "d": 2}]}}"#), "at /a/b~1c/1/d");
    assert_eq!(place(r#"{"x": 1, "\u0078": 2}"#), "at /x");
    assert_eq!(place(&format!("[0,{{\"k\":\"{}\"}}]", "x".repeat(1025))), "at /1/k");
    assert_eq!(place(&format!("{{\"k\":{}", "[".repeat(33))), format!("at /k{}", "/0".repeat(31)));
}

#[test]
fn bounds_hold() {
    use FaultCode::*;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(skim(&nested(JSON_DEPTH_MAX)).is_ok());
    assert_eq!(code(&nested(JSON_DEPTH_MAX + 1)), TooDeep);
    assert_eq!(code(&"[".repeat(1_000_000)), TooDeep);
    assert_eq!(code(&"{\"a\":".repeat(1_000_000)), TooDeep);
    assert!(skim(&format!("\"{}\"", "x".repeat(1024))).is_ok());
    assert_eq!(code(&format!("\"{}\"", "x".repeat(1025))), StringTooLong);
    assert_eq!(code(&format!("\"{}\"", "\\u0078".repeat(1025))), StringTooLong);
    assert_eq!(code(&format!("{{\"{}\":1}}", "x".repeat(1025))), StringTooLong);
    let object = |members: usize| {
        let members: Vec<String> = (0..members).map(|number| format!("\"{number}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(skim(&object(JSON_MEMBERS_MAX)).is_ok());
    assert_eq!(code(&object(JSON_MEMBERS_MAX + 1)), TooManyElements);
}

#[test]
fn a_name_stands_once_however_many_there_are() {
    for count in [1, COMPARED_ONE_BY_ONE, COMPARED_ONE_BY_ONE + 1, 100] {
        let mut members: Vec<String> = (0..count).map(|number| format!("\"{number}\":{{\"0\":1}}")).collect();
        assert!(skim(&format!("{{{}}}", members.join(","))).is_ok(), "{count}");
        for twice in [0, count - 1] {
            members.push(format!("\"\\u00{:02x}{}\":1", twice.to_string().as_bytes()[0], &twice.to_string()[1..]));
            assert_eq!(code(&format!("{{{}}}", members.join(","))), FaultCode::DuplicateKey, "{twice} of {count}");
            members.pop();
        }
    }
}

#[test]
fn names_in_pointers_are_harmless() {
    let text = format!("{{\"{}\\n\\u001b\":{{\"a\":1,\"a\":2}}}}", "é".repeat(100));
    let place = place(&text);
    assert!(place.len() < 100 && place.contains('…') && !place.contains(char::is_control), "{place}");
    assert_eq!(super::pointer::at_each("{\"a\\u001b~\":[1]}", &[13])[0], "/a\u{fffd}~0/0");
}

/// What both readers have to agree about: the grammar. Depth, duplicate names and magnitudes are ours alone.
fn agrees(text: &str) -> bool {
    let ours = skim(text);
    let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text);
    match ours {
        Ok(()) => theirs.is_ok(),
        Err(fault) => match fault.code {
            FaultCode::BadJson => theirs.is_err(),
            _ => true,
        },
    }
}

#[test]
fn the_grammar_is_that_of_json() {
    for text in [
        "01",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "-",
        "-0",
        "-01",
        "0.0e-0",
        "1E400",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "truex",
        "nul",
        "'a'",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}{}",
        "[]]",
        "",
        " ",
        "\u{a0}1",
        "\u{2028}1",
        "\u{feff}1",
        "\r1\r",
        "/**/1",
        "1//",
        "{\"a\":}",
        "{,}",
        "\"\u{7f}\"",
        "\u{c}1",
    ] {
        assert!(agrees(text), "{text:?}");
    }
}

fn json_like() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u00e9\"",
        "\"",
        "\\",
        "1",
        "-",
        "0",
        ".5",
        "e3",
        "true",
        "null",
        "false",
        " ",
        "\n",
        "é",
        "\u{0}",
        "\\ud800",
        "\\n",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn readers_agree(text in json_like()) {
        prop_assert!(agrees(&text), "{:?}", text);
    }

    #[test]
    fn readers_agree_about_real_documents(tree in tree()) {
        let text = tree.to_string();
        prop_assert!(skim(&text).is_ok());
        let pretty = serde_json::to_string_pretty(&tree).unwrap();
        prop_assert!(skim(&pretty).is_ok());
    }

    #[test]
    fn strings_survive(text in "\\PC{0,40}|[\\x01-\\x7f]{0,10}") {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(Reader::open(&json, 1024).unwrap().string().unwrap(), text);
    }

    #[test]
    fn pointers_lead_back(tree in tree()) {
        let text = serde_json::to_string_pretty(&tree).unwrap();
        let offsets: Vec<usize> = (0..text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        prop_assert_eq!(super::pointer::at_each(&text, &offsets).len(), offsets.len());
        for (at, expected) in values(&text) {
            let pointer = super::pointer::at_each(&text, &[at]).remove(0);
            prop_assert_eq!(tree.pointer(&pointer), Some(&expected), "{}", pointer);
        }
    }
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|number| json!(number)),
        "[a-z\\\\\"/~]{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z/~\"\\\\]{0,3}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Offset and value of each element and member, as the reader meets them.
fn values(text: &str) -> Vec<(usize, serde_json::Value)> {
    fn walk(reader: &mut Reader<'_>, found: &mut Vec<(usize, serde_json::Value)>) -> Result<(), Fault> {
        let at = reader.at();
        let index = found.len();
        found.push((at, serde_json::Value::Null));
        match reader.kind() {
            JsonKind::Object => reader.object(|reader, _| walk(reader, found))?,
            JsonKind::Array => reader.array(|reader, _| walk(reader, found))?,
            _ => drop(reader.skip()?),
        }
        found[index].1 = serde_json::from_str(reader.text()).unwrap();
        Ok(())
    }
    let mut found = Vec::new();
    walk(&mut Reader::open(text, 1024).unwrap(), &mut found).unwrap();
    found
}
