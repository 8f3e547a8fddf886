package machine

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is MEMORYSTATUSEX of sysinfoapi.h.
type memoryStatus struct {
	length, load uint32
	total        uint64
	_            [6]uint64
}

func memoryBytes() int64 {
	ask := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	var status memoryStatus
	status.length = uint32(unsafe.Sizeof(status))
	if ask.Find() != nil {
		return 0
	}
	if ok, _, _ := ask.Call(uintptr(unsafe.Pointer(&status))); ok == 0 { //nolint:gosec // the call fills it in
		return 0
	}
	return int64(status.total)
}
