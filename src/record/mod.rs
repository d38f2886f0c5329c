//! From facts to series, logs and summaries, in bounded memory.
