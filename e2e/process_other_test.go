//go:build !linux

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
)

// processesWith finds the processes that have text in their command line or
// their environment.
func processesWith(text string) ([]process, error) {
	out, err := exec.Command("ps", "-A", "-E", "-ww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var found []process
	for line := range strings.Lines(string(out)) {
		var p process
		if !strings.Contains(line, text) {
			continue
		}
		if _, err := fmt.Sscan(line, &p.pid); err != nil {
			return nil, fmt.Errorf("ps said %q: %w", line, err)
		}
		p.command = strings.TrimSpace(line)
		found = append(found, p)
	}
	return found, nil
}

// tie does nothing: there is no way here to have a child end with its parent.
func tie(*exec.Cmd) {}
