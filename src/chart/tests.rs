use super::*;

const SIZE: Size = Size { width: 760, height: 220 };

fn line(name: &str, shares: &[Option<f64>]) -> Line {
    Line { name: name.to_owned(), shares: shares.to_vec() }
}

fn weeks(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("W{}", 36 + at)).collect()
}

/// Width, height and the number of pixels that are not white.
fn decode(png: &[u8]) -> (u32, u32, usize) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let coloured = pixels.chunks(3).filter(|pixel| *pixel != [255, 255, 255]).count();
    (info.width, info.height, coloured)
}

/// With `TLSIGHT_PICTURES=FOLDER` the tests leave what they drew there, to be looked at.
fn keep(name: &str, bytes: &[u8]) {
    if let Ok(folder) = std::env::var("TLSIGHT_PICTURES") {
        std::fs::write(format!("{folder}/{name}"), bytes).unwrap();
    }
}

fn bar(label: &str, parts: &[i64]) -> Bar {
    Bar { label: label.to_owned(), parts: parts.to_vec() }
}

#[test]
fn bars_have_a_class_a_letter_a_sum_and_a_link() {
    let bars = [bar("Mon 2", &[600, 400]), bar("Tue 3", &[0, 0]), bar("Wed 4", &[1, 0])];
    let links: Vec<BarLink> =
        (0..3).map(|at| BarLink { title: format!("<{at}>"), href: format!("/{at}?a&b") }).collect();
    let svg = bars_svg(&bars, &links, SIZE, "Failed", "Mon: 1,000").expect("a picture");
    assert!(svg.contains("<rect class=\"s0\"") && svg.contains("<rect class=\"s1\""), "{svg}");
    assert!(svg.contains(">A</text>") && svg.contains(">B</text>") && svg.contains(">1,000</text>"), "{svg}");
    assert!(svg.contains("href=\"/2?a&amp;b\" aria-label=\"&lt;2&gt;\""), "{svg}");
    assert_eq!(svg.matches("class=\"hit\"").count(), 3);
    assert!(!svg.contains("color=") && !svg.contains("fill="), "colours are for the style sheet: {svg}");
    // One session among a thousand can be seen.
    assert!(svg.contains("height=\"1\"") && !svg.contains("height=\"0\""), "{svg}");
}

#[test]
fn each_line_has_a_class_a_mark_and_a_name() {
    let drawn = [line("sts", &[Some(0.98), None, Some(1.0), Some(0.99)]), line("<tlsa>", &[Some(1.0); 4])];
    let svg = lines_svg(&drawn, &weeks(4), SIZE, "Shares", "sts: 98 %").expect("a picture");
    assert!(svg.contains(">sts</text>") && svg.contains(">&lt;tlsa&gt;</text>"), "{svg}");
    assert!(!svg.contains("color=") && !svg.contains("fill="), "colours are for the style sheet: {svg}");
    // A gap stays a gap: the first share stands alone. Each has its mark at each share and beside its name.
    assert_eq!(svg.matches("<polyline class=\"t0\"").count(), 1, "{svg}");
    assert_eq!(
        (svg.matches("<circle class=\"t0\"").count(), svg.matches("<rect class=\"t1\"").count()),
        (4, 5),
        "{svg}"
    );
}

#[test]
fn pictures_for_mails_show_the_same() {
    let shares: Vec<Option<f64>> = (0..12).map(|at| (at != 3).then_some(0.99 - 0.001 * f64::from(at))).collect();
    let png = lines_png(&[line("sts", &shares), line("tlsa", &[Some(1.0); 12])], &weeks(12)).expect("a picture");
    keep("lines.png", &png);
    let (width, height, coloured) = decode(&png);
    assert_eq!((width, height), (840, 280));
    assert!(coloured > 5_000, "{coloured}");
    assert!(png.len() < 40_000, "{} bytes go out with each mail", png.len());
    let png = bars_png(&[0, 3, 12, 812, 14, 0, 9, 2, 44_120, 90, 7, 1_204], &weeks(12)).expect("a picture");
    keep("bars.png", &png);
    assert!(decode(&png).2 > 5_000);
}

#[test]
fn labels_are_left_out_where_they_would_touch() {
    let labels = |width: u32, count: usize| {
        let svg = lines_svg(&[line("sts", &[Some(0.5); 60])], &weeks(count), Size { width, ..SIZE }, "", "").unwrap();
        svg.matches(">W").count()
    };
    assert_eq!((labels(760, 12), labels(460, 12), labels(760, 1)), (12, 6, 1));
    assert!(labels(380, 52) <= 8);
}

#[test]
fn nothing_and_everything_can_be_drawn() {
    assert!(bars_svg(&[], &[], SIZE, "", "").is_none());
    assert!(bars_png(&[0; 12], &weeks(12)).is_none());
    assert!(bars_png(&[i64::MAX, 1], &weeks(2)).is_some());
    assert_eq!(lines_svg(&[], &weeks(12), SIZE, "", ""), None);
    assert_eq!(lines_svg(&[line("sts", &[None; 12])], &weeks(12), SIZE, "", ""), None);
    assert_eq!(lines_png(&[line("sts", &[None; 12])], &weeks(12)), None);
    for share in [0.0, 0.5, 0.99999, 1.0] {
        let many: Vec<Line> = (0..9).map(|_| line("a very long policy type", &[Some(share)])).collect();
        assert!(lines_svg(&many, &weeks(1), SIZE, "", "").is_some() && lines_png(&many, &weeks(1)).is_some());
    }
}
