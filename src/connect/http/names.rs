//! The instruments of all answers to one request, told apart once and not answer by answer.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::symbols::Back;

/// What answers have named so far.
pub(super) struct Names {
    back: Back,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// The vendor's names in the order in which they first came, which is mostly that of the next answer too: each with the code of ours, or
    /// `None` for one that was not asked for.
    theirs: Vec<(String, Option<u32>)>,
    places: HashMap<String, usize>,
    /// Our names, by code.
    ours: Vec<String>,
    codes: HashMap<String, u32>,
}

impl Names {
    pub fn new(back: Back) -> Self {
        Self { back, known: RwLock::default() }
    }

    /// Our names, by code.
    pub fn ours(&self) -> Arc<Vec<String>> {
        Arc::new(self.known.read().unwrap_or_else(PoisonError::into_inner).ours.clone())
    }

    /// For one answer; a thread reads one at a time. What another finds is known when both are finished.
    pub fn reading(&self) -> Reading<'_> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let first = known.ours.len() as u32;
        Reading { names: self, known, next: 0, first, new: HashMap::new(), theirs: Vec::new(), ours: Vec::new() }
    }
}

/// Names of one answer.
pub(super) struct Reading<'a> {
    names: &'a Names,
    /// Held until the answer is finished, so that its codes stay what they are.
    known: RwLockReadGuard<'a, Known>,
    /// Where the next name probably is.
    next: usize,
    /// The first code that is new: from here on they are this answer's own, until it is finished.
    first: u32,
    new: HashMap<String, Option<u32>>,
    theirs: Vec<(String, Option<u32>)>,
    ours: Vec<String>,
}

impl Reading<'_> {
    /// The code of one of the vendor's names; `None` for an instrument that was not asked for.
    ///
    /// # Errors
    /// The name cannot be read.
    pub fn code(&mut self, theirs: &str) -> Result<Option<u32>, String> {
        if let Some((name, code)) = self.known.theirs.get(self.next)
            && name == theirs
        {
            self.next += 1;
            return Ok(*code);
        }
        if let Some(&place) = self.known.places.get(theirs) {
            self.next = place + 1;
            return Ok(self.known.theirs[place].1);
        }
        if let Some(code) = self.new.get(theirs) {
            return Ok(*code);
        }
        let code = self.names.back.ours(theirs)?.map(|ours| {
            self.ours.push(ours);
            self.first + self.ours.len() as u32 - 1
        });
        self.new.insert(theirs.to_owned(), code);
        self.theirs.push((theirs.to_owned(), code));
        Ok(code)
    }

    /// Makes `codes`, which this answer was given, those of all answers.
    pub fn finish(self, codes: &mut [u32]) {
        let Self { names, known, first, theirs, ours, .. } = self;
        drop(known);
        if theirs.is_empty() {
            return;
        }
        let mut all = names.known.write().unwrap_or_else(PoisonError::into_inner);
        let all = &mut *all;
        // Another answer may have brought some of them meanwhile, and two of the vendor's names may be one of ours.
        let code_of = |ours: String| {
            *all.codes.entry(ours).or_insert_with_key(|ours| {
                all.ours.push(ours.clone());
                all.ours.len() as u32 - 1
            })
        };
        let of_new: Vec<u32> = ours.into_iter().map(code_of).collect();
        let of_all = |code: u32| code.checked_sub(first).map_or(code, |new| of_new[new as usize]);
        for (theirs, code) in theirs {
            if !all.places.contains_key(&theirs) {
                all.places.insert(theirs.clone(), all.theirs.len());
                all.theirs.push((theirs, code.map(of_all)));
            }
        }
        codes.iter_mut().for_each(|code| *code = of_all(*code));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use assetctl_config::{HttpCase, HttpSymbols};

    use super::super::symbols::Symbols;
    use super::*;

    fn names(asked: &[&str]) -> Names {
        let symbols = HttpSymbols {
            ours: None,
            theirs: Some("{code}.us".into()),
            exchanges: [].into_iter().collect(),
            case: HttpCase::Lower,
        };
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        Names::new(Back::new(&Symbols::new(Some(&symbols)).unwrap(), &asked).unwrap())
    }

    /// The codes of an answer's names; `at` is called when they are read and not yet finished.
    fn codes(names: &Names, theirs: &[&str], at: impl FnOnce()) -> Vec<u32> {
        let mut reading = names.reading();
        let mut codes: Vec<u32> = theirs.iter().filter_map(|theirs| reading.code(theirs).unwrap()).collect();
        at();
        reading.finish(&mut codes);
        codes
    }

    fn ours(names: &Names, codes: &[u32]) -> Vec<String> {
        let ours = names.ours();
        codes.iter().map(|code| ours[*code as usize].clone()).collect()
    }

    #[test]
    fn one_instrument_has_one_code_in_all_answers() {
        let names = names(&[]);
        let both_are_read = Barrier::new(2);
        let (one, two) = std::thread::scope(|scope| {
            let read = |theirs: &'static [&'static str]| {
                let (names, both) = (&names, &both_are_read);
                scope.spawn(move || codes(names, theirs, || drop(both.wait())))
            };
            let (one, two) = (read(&["b.us", "a.us", "b.us"]), read(&["c.us", "a.us"]));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert_eq!(ours(&names, &one), ["B", "A", "B"]);
        assert_eq!(ours(&names, &two), ["C", "A"]);
        assert_eq!(one[1], two[1]);
        let three = codes(&names, &["a.us", "b.us", "x.us", "c.us", "a.us"], || ());
        assert_eq!(three, [one[1], one[0], 3, two[0], one[1]]);
        assert_eq!(codes(&names, &["c.us", "x.us", "a.us"], || ()), [two[0], 3, one[1]]);
        assert_eq!(names.ours().len(), 4);
    }

    #[test]
    fn two_names_of_the_vendor_may_be_one_of_ours_and_some_were_not_asked_for() {
        let names = names(&["A"]);
        assert_eq!(codes(&names, &["b.us", "a.us", "b.us"], || ()), [0]);
        assert_eq!((names.reading().code("b.us"), names.reading().code("a.us")), (Ok(None), Ok(Some(0))));
        let all = self::names(&[]);
        assert_eq!(codes(&all, &["a.us", "A.us"], || ()), [0, 0]);
        assert_eq!(ours(&all, &[0]), ["A"]);
        assert!(all.reading().code("a.uk").is_err());
    }
}
