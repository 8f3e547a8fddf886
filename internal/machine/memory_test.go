package machine_test

import (
	"runtime"
	"slices"
	"testing"

	"hearth/internal/machine"
)

func TestAMachineKnowsItsMemory(t *testing.T) {
	got := machine.MemoryBytes()
	if told := slices.Contains([]string{"linux", "darwin", "windows"}, runtime.GOOS); !told {
		if got != 0 {
			t.Errorf("%d bytes, where nobody asked", got)
		}
		return
	}
	if got < 64<<20 || got > 1<<50 {
		t.Errorf("%d bytes are no machine's memory", got)
	}
}
