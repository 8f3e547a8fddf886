// Package sse reads a stream of server-sent events as model servers really send them:
// any line end, no final newline, comments as keep-alives, lines of many megabytes,
// bytes that are no UTF-8.
package sse
