//! Facts about AWS as sourced tables: instance types, sizes, prices, quotas, network limits.
