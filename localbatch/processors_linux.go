package localbatch

import (
	"os"
	"strconv"
	"strings"
)

// processorTime is the time that the processors were busy, and all their time,
// since the machine started: the first line of /proc/stat, in which the fourth
// and the fifth number are idle time, and from the ninth on time is counted twice.
func processorTime() (busy, total uint64, ok bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, 0, false
		}
		total += n
		if i != 3 && i != 4 {
			busy += n
		}
	}
	return busy, total, true
}
