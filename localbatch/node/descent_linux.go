package node

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// findsDaemons: the environment of a process is cheap to come by.
const findsDaemons = true

// descendants lists the processes that can descend from the one that got the
// id leader at the time began or later. It may list others as well.
//
// Ids are given out in ascending order, so those of the descendants of a
// process that ran for a moment lie between its own and the newest one. To try
// these few is a small part of the cost of listing all processes, which a task
// of true would pay as much for as for everything else.
func descendants(leader int, began time.Time) []int {
	const worthTrying = 1000
	newest, ok := newestProcess()
	if !ok || newest < leader || newest-leader > worthTrying || time.Since(began) > idsLast() {
		return processes()
	}
	pids := make([]int, 0, newest-leader)
	for pid := leader + 1; pid <= newest; pid++ {
		pids = append(pids, pid)
	}
	return pids
}

// newestProcess is the id that was given out last, to a process or thread.
func newestProcess() (int, bool) {
	text, err := readProc("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	newest, err := strconv.Atoi(fields[len(fields)-1])
	return newest, err == nil
}

// idsLast is how long it takes at least until the ids begin anew: even the
// largest machines start far fewer processes and threads in a second.
var idsLast = sync.OnceValue(func() time.Duration {
	const perSecond = 300_000
	text, err := readProc("/proc/sys/kernel/pid_max")
	if err != nil {
		return 0
	}
	ids, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return time.Duration(ids) * time.Second / perSecond
})
