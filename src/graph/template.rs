//! `sql` templates: rendered once, when the project is read, with every `ref()` recorded.
//!
//! A `ref()` renders as the name of a view that the executor lays over the input's window for each session, and
//! `session` as DuckDB's variable of that name, so one rendered text serves every session.

use std::sync::{Arc, Mutex};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

/// One distinct `ref(asset, sessions)` of a template, in the order of first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRef {
    pub asset: String,
    pub sessions: u32,
}

impl TemplateRef {
    /// The view that stands for the `at`-th reference.
    pub fn view(at: usize) -> String {
        format!("ref_{at}")
    }
}

#[derive(Debug, Clone)]
pub struct Rendered {
    pub sql: String,
    pub refs: Vec<TemplateRef>,
}

/// What is wrong with a template, on which line of it (from 1), and at which word of the line if that is known.
#[derive(Debug, Clone)]
pub struct TemplateError {
    pub line: Option<usize>,
    pub word: Option<String>,
    pub message: String,
}

/// The template of a `sql` asset.
pub fn render(template: &str) -> Result<Rendered, TemplateError> {
    render_with(template, None)
}

/// The query of a check, in which `{{ this }}` is the table `this`.
pub fn render_check(template: &str) -> Result<Rendered, TemplateError> {
    render_with(template, Some("this"))
}

fn render_with(template: &str, this: Option<&str>) -> Result<Rendered, TemplateError> {
    let refs: Arc<Mutex<Vec<TemplateRef>>> = Arc::default();
    let recorded = Arc::clone(&refs);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_global("session", "getvariable('session')");
    if let Some(this) = this {
        environment.add_global("this", this);
    }
    environment.add_function("ref", move |asset: String, options: Kwargs| -> Result<String, Error> {
        let sessions: Option<i64> = options.get("sessions")?;
        options.assert_all_used()?;
        let sessions = sessions.unwrap_or(1);
        let sessions = u32::try_from(sessions).ok().filter(|sessions| *sessions >= 1).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, format!("`sessions` must be at least 1, not {sessions}"))
        })?;
        let wanted = TemplateRef { asset, sessions };
        let mut refs =
            recorded.lock().map_err(|_| Error::new(ErrorKind::InvalidOperation, "rendering was interrupted"))?;
        let at = refs.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            refs.push(wanted);
            refs.len() - 1
        });
        Ok(TemplateRef::view(at))
    });
    let sql = environment.render_str(template, ()).map_err(|error| {
        let (message, word) = in_words(&error);
        TemplateError { line: error.line(), word, message }
    })?;
    let refs = refs.lock().map(|refs| refs.clone()).unwrap_or_default();
    // The query is run within others, where the semicolon that ends it has no place.
    let sql = sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
    Ok(Rendered { sql, refs })
}

/// What minijinja says, with names in backticks, and the word that it is about.
fn in_words(error: &Error) -> (String, Option<String>) {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let named = |before: &str, after: &str| detail.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    match error.kind() {
        ErrorKind::UnknownFunction => match named("", " is unknown") {
            Some(name) => (format!("there is no function `{name}`"), Some(name.to_owned())),
            None => (detail, None),
        },
        ErrorKind::TooManyArguments => match named("unknown keyword argument '", "'") {
            Some(name) => (format!("`ref` has no argument `{name}`, only `sessions`"), Some(name.to_owned())),
            None => (detail, None),
        },
        _ => (detail, None),
    }
}

/// SQL with comments dropped and white space outside quotes collapsed: what a person would call the same query.
pub fn normalize(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut chars = sql.chars().peekable();
    let mut gap = false;
    while let Some(c) = chars.next() {
        match c {
            '-' if chars.peek() == Some(&'-') => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                gap = true;
            }
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
                gap = true;
            }
            c if c.is_whitespace() => gap = true,
            c => {
                if gap && !out.is_empty() {
                    out.push(' ');
                }
                gap = false;
                out.push(c);
                if c == '\'' || c == '"' {
                    for inside in chars.by_ref() {
                        out.push(inside);
                        if inside == c {
                            break;
                        }
                    }
                }
            }
        }
    }
    out.trim_end_matches([';', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_recorded_once_each() {
        let rendered = render(
            "select * from {{ ref('bars', sessions=20) }} join {{ ref('bars') }} using (instrument) \
             where x in (select x from {{ ref('bars', sessions=20) }}) and session = {{ session }}",
        )
        .unwrap();
        assert_eq!(
            rendered.refs,
            [TemplateRef { asset: "bars".into(), sessions: 20 }, TemplateRef { asset: "bars".into(), sessions: 1 }]
        );
        assert_eq!(rendered.sql.matches("ref_0").count(), 2);
        assert!(rendered.sql.ends_with("session = getvariable('session')"));
    }

    #[test]
    fn a_semicolon_at_the_end_is_no_part_of_the_query() {
        assert_eq!(render("select * from {{ ref('bars') }} ;\n").unwrap().sql, "select * from ref_0");
    }

    #[test]
    fn mistakes_name_their_line() {
        let error = render("select 1\nfrom {{ reff('bars') }}").unwrap_err();
        assert_eq!((error.line, error.word.as_deref()), (Some(2), Some("reff")));
        assert_eq!(error.message, "there is no function `reff`");
        assert!(render("{{ ref('bars', sessions=0) }}").unwrap_err().message.contains("at least 1"));
        assert!(render("{{ ref('bars', session=3) }}").is_err());
    }

    #[test]
    fn normal_form_ignores_layout_and_comments_but_not_text() {
        let one = normalize("select  a, -- the mean\n b /* of\n all */ from t where c = 'x  y' ;\n");
        assert_eq!(one, normalize("select a,\tb from t where c = 'x  y'"));
        assert_ne!(one, normalize("select a, b from t where c = 'x y'"));
    }
}
