//! A bounded queue that is fair between conversations.

use std::collections::VecDeque;

/// One lane per key, first in first out within a lane, lanes in turn.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    limit: usize,
    lanes: VecDeque<(K, VecDeque<T>)>,
}

impl<K: PartialEq, T> FairQueue<K, T> {
    /// An empty queue for at most `limit` items.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, lanes: VecDeque::new() }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(|(_, lane)| lane.len()).sum()
    }

    /// Whether no further item is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// Adds an item to its key's lane; gives it back where the queue is full.
    pub(crate) fn push(&mut self, key: K, item: T) -> Result<(), T> {
        if self.is_full() {
            return Err(item);
        }
        match self.lanes.iter_mut().find(|(existing, _)| *existing == key) {
            Some((_, lane)) => lane.push_back(item),
            None => self.lanes.push_back((key, VecDeque::from([item]))),
        }
        Ok(())
    }

    /// The next item of the lane whose turn it is; its lane goes to the end.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (key, mut lane) = self.lanes.pop_front()?;
        let item = lane.pop_front();
        if !lane.is_empty() {
            self.lanes.push_back((key, lane));
        }
        item
    }

    /// Drops the items that `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        for (_, lane) in &mut self.lanes {
            lane.retain(&mut keep);
        }
        self.lanes.retain(|(_, lane)| !lane.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut FairQueue<&str, u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn conversations_take_turns_and_keep_their_order() {
        let mut queue = FairQueue::new(10);
        for (key, item) in [("a", 1), ("a", 2), ("a", 3), ("b", 10), ("c", 20), ("b", 11)] {
            queue.push(key, item).unwrap();
        }
        assert_eq!(drain(&mut queue), [1, 10, 20, 2, 11, 3]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_busy_conversation_does_not_hold_up_a_late_one() {
        let mut queue = FairQueue::new(10);
        for item in 1..=5 {
            queue.push("a", item).unwrap();
        }
        assert_eq!(queue.pop(), Some(1));
        queue.push("b", 10).unwrap();
        assert_eq!(queue.pop(), Some(2));
        assert_eq!(queue.pop(), Some(10));
    }

    #[test]
    fn a_full_queue_gives_the_item_back() {
        let mut queue = FairQueue::new(2);
        queue.push("a", 1).unwrap();
        queue.push("b", 2).unwrap();
        assert_eq!(queue.push("a", 3), Err(3));
        queue.retain(|item| *item != 1);
        assert_eq!(queue.push("a", 3), Ok(()));
        assert_eq!(drain(&mut queue), [2, 3]);
    }
}
