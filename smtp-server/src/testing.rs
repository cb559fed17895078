//! A server for tests of programs that send mail.
