//go:build !linux

package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// ownGroup makes a process the leader of its own process group. Should this
// program be killed, the next one on the same directory ends the process.
func ownGroup(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endWithParent is nothing here: the terminal ends what shares it.
func endWithParent() *syscall.SysProcAttr { return nil }

// processBegan says when process pid began, to the second. The error is
// errNoProcess when none runs, or none but a zombie.
func processBegan(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", errNoProcess
	}
	if err != nil {
		return "", err
	}
	state, began, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if strings.HasPrefix(state, "Z") {
		return "", errNoProcess
	}
	return strings.TrimSpace(began), nil
}
