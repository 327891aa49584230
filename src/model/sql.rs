//! SQL texts as psql reads them: pieces, statements, what a statement does to transactions. Shared by what checks a
//! text and by what sends it, so that the two cannot differ. Not PostgreSQL's grammar.

pub mod control;
pub mod cut;
pub mod index;
pub mod lexer;
pub mod marker;
