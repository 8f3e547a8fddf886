// Package machine says what this computer has.
package machine

// MemoryBytes is how much memory is built in; 0 = the system does not say. On Apple silicon,
// and wherever else the processor and the GPU share it, a model may take most of that.
func MemoryBytes() int64 { return memoryBytes() }
