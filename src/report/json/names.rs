//! The member names of one object: each may stand only once (RFC 7493 §2.3).

use std::{borrow::Cow, collections::HashSet};

use crate::{fault::FaultCode, limits::JSON_MEMBERS_MAX};

/// Names that are compared one by one before a hash set pays.
pub(super) const COMPARED_ONE_BY_ONE: usize = 16;

#[derive(Default)]
pub(super) struct Names<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Compared after unescaping, so that `"report\u002did"` is `"report-id"`.
    pub(super) fn add(&mut self, name: Cow<'a, str>) -> Result<(), (FaultCode, String)> {
        let count = self.few.len() + self.many.len();
        if count == JSON_MEMBERS_MAX {
            return Err((FaultCode::TooManyElements, format!("an object has more than {JSON_MEMBERS_MAX} members")));
        }
        let known = self.few.contains(&name) || !self.many.is_empty() && self.many.contains(&name);
        if known {
            let detail = "a member name stands twice in one object (RFC 7493 §2.3)";
            return Err((FaultCode::DuplicateKey, detail.to_owned()));
        }
        if count < COMPARED_ONE_BY_ONE {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        Ok(())
    }
}
