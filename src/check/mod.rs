//! Text to runbook and findings: tree, decoding, rules. Sees only the files it is given, prints nothing.
