// Package sqlite keeps sessions in one SQLite file: append-only transcripts, the epochs
// of their models, the reports of every attempt and the bytes of images.
//
// A commit is on the disk when Append returns (write-ahead log, synchronous=FULL, and a
// full flush on macOS). Who may write a session is decided by a file lock beside the
// database and not by a row in it, so that nothing has to be cleaned up after kill -9.
package sqlite
