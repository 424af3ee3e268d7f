//go:build !linux

package localbatch

// processorTime is not known here.
func processorTime() (busy, total uint64, ok bool) { return 0, 0, false }
