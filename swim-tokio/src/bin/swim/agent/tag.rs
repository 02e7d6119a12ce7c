//! Names and tags, as a person writes them on the command line.

use swim_tokio::tags::Tags;

use crate::failure::Failure;

/// Characters of a faulty argument that are shown again.
const SHOWN_MAX: usize = 40;

/// The metadata of an agent, out of its `--name` and its `--tag KEY=VALUE`s.
///
/// # Errors
///
/// A usage error that names the argument and the rule it breaks.
pub fn tags(name: &str, tags: &[String]) -> Result<Tags, Failure> {
    let named = Tags::new(name).map_err(|error| fault("--name", name, &error.to_string()))?;
    tags.iter().try_fold(named, |tags, text| {
        let fault = |reason: &str| fault("--tag", text, reason);
        let (key, value) = text.split_once('=').ok_or_else(|| fault("expected KEY=VALUE"))?;
        tags.with(key, value).map_err(|error| fault(&error.to_string()))
    })
}

fn fault(argument: &str, text: &str, reason: &str) -> Failure {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Failure::Usage(format!("{argument} {shown:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str, texts: &[&str]) -> String {
        let texts: Vec<_> = texts.iter().map(|text| text.to_string()).collect();
        tags(name, &texts).unwrap_err().to_string()
    }

    #[test]
    fn a_tag_is_split_at_its_first_equals_sign() {
        let tags = tags("n", &["role=a=b c".to_owned(), "empty=".to_owned()]).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("empty", ""), ("role", "a=b c")]);
    }

    #[test]
    fn a_fault_names_the_argument_without_repeating_all_of_it() {
        assert_eq!(error("n", &["zone"]), r#"--tag "zone": expected KEY=VALUE (see --help)"#);
        assert_eq!(error("n", &["=b"]), r#"--tag "=b": the key is empty (see --help)"#);
        let long = error(&"n".repeat(500), &[]);
        assert!(long.contains("nnn…") && long.contains("500 bytes, at most 128"), "{long}");
        assert!(long.len() < 120, "{long}");
        assert!(!error("\u{1b}[2J", &[]).contains('\u{1b}'), "not to be sent to the terminal");
    }
}
