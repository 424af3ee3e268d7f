//go:build !linux

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
)

// process is one that runs.
type process struct {
	pid     int
	command string
}

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

// startTied starts cmd and returns where its end will be told. There is no way
// to have it end with this test, should the test be killed.
func startTied(cmd *exec.Cmd) (<-chan error, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended, nil
}
