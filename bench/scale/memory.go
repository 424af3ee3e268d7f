package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// peak is how much memory the worker had resident at most, in MiB (Linux).
func (s *stack) peak() (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", s.worker.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s does not tell the memory", file.Name())
}
