//! From facts to usage, and from usage to a bill.
