//! Trouble on the server's side.
