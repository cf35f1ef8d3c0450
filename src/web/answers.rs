//! Answers to the questions of the heaviest pages, kept as long as nothing that is stored has changed: many viewers of a page
//! cost as much as one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::answer::Fail;

/// Answers kept at a time: the last ones that were asked for.
const KEPT_MAX: usize = 16;

/// `Q` is the whole question; the same question about the same state of the store has the same answer.
pub(crate) struct Answers<Q, A>(Mutex<VecDeque<Kept<Q, A>>>);

struct Kept<Q, A> {
    question: Q,
    /// State of the store before the answer was asked for, as `Store::version` has it.
    version: u64,
    answer: Arc<OnceCell<Arc<A>>>,
}

impl<Q, A> Default for Answers<Q, A> {
    fn default() -> Answers<Q, A> {
        Answers(Mutex::default())
    }
}

impl<Q: PartialEq, A> Answers<Q, A> {
    /// The answer of this state, which `ask` is called for where nobody has asked yet. Who asks meanwhile waits for the same one.
    pub(crate) async fn of<F>(&self, question: Q, version: u64, ask: F) -> Result<Arc<A>, Fail>
    where
        F: Future<Output = Result<A, Fail>>,
    {
        let answer = self.place(question, version);
        answer.get_or_try_init(|| async { ask.await.map(Arc::new) }).await.cloned()
    }

    fn place(&self, question: Q, version: u64) -> Arc<OnceCell<Arc<A>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What an older state answered is of no more use.
        kept.retain(|kept| kept.version >= version);
        let place = kept.iter().position(|kept| kept.version == version && kept.question == question);
        let found = place.and_then(|place| kept.remove(place));
        let last = found.unwrap_or_else(|| Kept { question, version, answer: Arc::default() });
        let answer = Arc::clone(&last.answer);
        kept.push_back(last);
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Asked(AtomicU32);

    impl Asked {
        async fn ask(&self) -> Result<u32, Fail> {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            // Others come in between.
            tokio::task::yield_now().await;
            Ok(count)
        }
    }

    #[tokio::test]
    async fn who_asks_the_same_of_the_same_state_gets_one_answer() {
        let (answers, asked) = (Answers::default(), Asked(AtomicU32::new(0)));
        let ask = |question: &'static str, version| answers.of(question, version, asked.ask());
        let (one, other) = tokio::join!(ask("week", 1), ask("week", 1));
        assert_eq!((*one.unwrap(), *other.unwrap()), (0, 0));
        assert_eq!(*ask("day", 1).await.unwrap(), 1);
        assert_eq!(*ask("week", 2).await.unwrap(), 2, "something was stored");
        assert_eq!(*ask("week", 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_old_answers_give_way() {
        let answers = Answers::default();
        let failed = answers.of(0, 1, async { Err(Fail::NotFound("gone".to_owned())) }).await;
        assert!(failed.is_err());
        for question in 0..=KEPT_MAX {
            assert_eq!(*answers.of(question, 1, async move { Ok(question) }).await.unwrap(), question);
        }
        let asked = answers.of(1, 1, async { Ok(1_000) }).await.unwrap();
        assert_eq!(*asked, 1, "it is kept");
        let asked = answers.of(0, 1, async { Ok(1_000) }).await.unwrap();
        assert_eq!(*asked, 1_000, "the oldest was let go");
    }
}
