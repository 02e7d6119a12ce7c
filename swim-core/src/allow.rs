//! Which addresses may be members.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// Says whether whoever is at an address may be a member. With the feature `alloc` a closure in a
/// box, without it a function.
#[cfg(feature = "alloc")]
pub type AddressPredicate<A> = Box<dyn Fn(&A) -> bool + Send + Sync>;

/// Says whether whoever is at an address may be a member. With the feature `alloc` a closure in a
/// box, without it a function.
#[cfg(not(feature = "alloc"))]
pub type AddressPredicate<A> = fn(&A) -> bool;

/// Whom this node has anything to do with: everybody, unless it was told otherwise.
pub struct Allow<A> {
    predicate: Option<AddressPredicate<A>>,
}

impl<A> Allow<A> {
    pub const fn everybody() -> Self {
        Self { predicate: None }
    }

    /// Only those of whom `predicate` says so.
    pub fn only(predicate: AddressPredicate<A>) -> Self {
        Self { predicate: Some(predicate) }
    }

    /// Whether a member may be there.
    pub fn admits(&self, address: &A) -> bool {
        self.predicate.as_ref().is_none_or(|predicate| predicate(address))
    }
}
