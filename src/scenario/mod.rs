//! From text to a checked model: the only ring that reads files.
