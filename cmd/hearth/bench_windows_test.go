package main

import "time"

// cpuTime is not asked for here: the figures are made on Linux.
func cpuTime() time.Duration { return 0 }
