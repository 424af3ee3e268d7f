package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ownGroup makes a process the leader of its own process group, and has the
// kernel send it a signal should this program be killed.
func ownGroup(orphaned syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
}

// endWithParent has the kernel ask a process that shares our group and terminal
// to end should this program be killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}

// processBegan says when process pid began, in clock ticks since the machine
// was booted. The error is errNoProcess when none runs, or none but a zombie.
func processBegan(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", errNoProcess
	}
	if err != nil {
		return "", err
	}
	// The second field is the name in parentheses, which may hold anything;
	// behind it come the state and, as the 20th, the start time (proc(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat has only %d fields behind the name", pid, len(fields))
	}
	if string(fields[0]) == "Z" {
		return "", errNoProcess
	}
	return string(fields[19]), nil
}
