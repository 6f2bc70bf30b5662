"""A symbolic run of a project: what its functions would call, in which order, with which values."""
