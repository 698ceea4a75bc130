//! The instruments of all answers to one request, told apart once and not answer by answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::symbols::Back;

/// What answers have named so far.
pub(super) struct Names {
    back: Back,
    known: Mutex<Arc<Known>>,
}

#[derive(Default, Clone)]
struct Known {
    /// The vendor's names in the order in which they first came, which is mostly that of the next answer too: each with the code of ours, or
    /// `None` for one that was not asked for.
    theirs: Vec<(String, Option<u32>)>,
    places: HashMap<String, usize>,
    /// Our names, by code.
    ours: Arc<Vec<String>>,
    codes: HashMap<String, u32>,
}

impl Names {
    pub fn new(back: Back) -> Self {
        Self { back, known: Mutex::default() }
    }

    /// For one answer.
    pub fn reading(&self) -> Reading<'_> {
        let known = Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner));
        let first = known.ours.len() as u32;
        Reading { names: self, known, next: 0, first, new: HashMap::new(), theirs: Vec::new(), ours: Vec::new() }
    }
}

/// Names of one answer.
pub(super) struct Reading<'a> {
    names: &'a Names,
    /// What was known when the answer began to be read.
    known: Arc<Known>,
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

    /// Makes `codes`, which this answer was given, those of all answers; gives the names that they stand for.
    pub fn finish(self, codes: &mut [u32]) -> Arc<Vec<String>> {
        let Self { names, known, first, theirs, ours, .. } = self;
        if theirs.is_empty() {
            return Arc::clone(&known.ours);
        }
        drop(known);
        let mut all = names.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = Arc::make_mut(&mut all);
        // Another answer may have brought some of them meanwhile, and two of the vendor's names may be one of ours.
        let list = Arc::make_mut(&mut all.ours);
        let code_of = |ours: String| {
            *all.codes.entry(ours).or_insert_with_key(|ours| {
                list.push(ours.clone());
                list.len() as u32 - 1
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
        Arc::clone(&all.ours)
    }
}

#[cfg(test)]
mod tests {
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

    fn codes(reading: &mut Reading<'_>, theirs: &[&str]) -> Vec<u32> {
        theirs.iter().filter_map(|theirs| reading.code(theirs).unwrap()).collect()
    }

    fn ours(reading: Reading<'_>, mut codes: Vec<u32>) -> (Vec<u32>, Vec<String>) {
        let names = reading.finish(&mut codes);
        let ours = codes.iter().map(|code| names[*code as usize].clone()).collect();
        (codes, ours)
    }

    #[test]
    fn one_instrument_has_one_code_in_all_answers() {
        let names = names(&[]);
        // Two are read at once.
        let (mut one, mut two) = (names.reading(), names.reading());
        let of_one = codes(&mut one, &["b.us", "a.us", "b.us"]);
        let of_two = codes(&mut two, &["c.us", "a.us"]);
        assert_eq!(ours(two, of_two), (vec![0, 1], vec!["C".to_owned(), "A".to_owned()]));
        assert_eq!(ours(one, of_one), (vec![2, 1, 2], vec!["B".to_owned(), "A".to_owned(), "B".to_owned()]));
        let mut three = names.reading();
        let of_three = codes(&mut three, &["a.us", "b.us", "x.us", "c.us", "a.us"]);
        assert_eq!(ours(three, of_three).0, [1, 2, 3, 0, 1]);
        // In which nothing is new.
        let mut four = names.reading();
        let of_four = codes(&mut four, &["c.us", "a.us", "b.us", "x.us"]);
        assert_eq!(ours(four, of_four).0, [0, 1, 2, 3]);
    }

    #[test]
    fn two_names_of_the_vendor_may_be_one_of_ours_and_some_were_not_asked_for() {
        let names = names(&["A"]);
        let mut reading = names.reading();
        assert_eq!(reading.code("a.us"), Ok(Some(0)));
        assert_eq!(reading.code("b.us"), Ok(None));
        assert_eq!(reading.finish(&mut []).as_slice(), ["A"]);
        assert_eq!(names.reading().code("b.us"), Ok(None));
        let all = self::names(&[]);
        let mut reading = all.reading();
        let of_both = codes(&mut reading, &["a.us", "A.us"]);
        assert_eq!(ours(reading, of_both), (vec![0, 0], vec!["A".to_owned(), "A".to_owned()]));
        assert!(all.reading().code("a.uk").is_err());
    }
}
