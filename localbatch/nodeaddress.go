package localbatch

import (
	"fmt"
	"runtime"
)

// nodeAddress is a loopback address of a node's own, so that the tasks of
// several nodes can listen on one port. macOS has one loopback address only
// until somebody configures others, and so have its nodes.
func nodeAddress(key int64) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	// The last number is neither 0 nor 255, the second is never 0: that is
	// where addresses are which people and programs use already.
	last := 1 + key%254
	third := key / 254 % 256
	second := 1 + key/(254*256)%254
	return fmt.Sprintf("127.%d.%d.%d", second, third, last)
}
