//go:build !linux

package localbatch

// spread is a hint that only file systems of Linux take.
func spread(string) {}
