package main

import (
	"errors"
	"syscall"
)

// errNoProcess says that no process with such an id runs.
var errNoProcess = errors.New("no such process")

// killGroup kills what is left of the process group that pid leads or led. Each
// part leads a group of its own, so a terminal's Ctrl-C does not reach it and
// its children end with it.
func killGroup(pid int) {
	// The only error there can be is that the group is empty.
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}
