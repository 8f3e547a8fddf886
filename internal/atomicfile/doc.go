// Package atomicfile replaces a file so that a reader, and a machine that loses
// power, sees either the whole old content or the whole new one; and it keeps a short
// ring of backups.
package atomicfile
