// Package filelock gives exclusive locks between processes, and between goroutines of
// one process, that the kernel frees when their holder dies, however it dies. The
// holder's process id is written inside, so that whoever waits can say for whom.
package filelock
