package node

import (
	"golang.org/x/sys/unix"
)

// killSession ends the process group pgid and every other group of its
// session: timeout(1), for one, moves its command to a group of its own. A
// process that made a session of its own is out of reach. The caller keeps the
// leader from being reaped; it is killed with its group and not looked at again.
func killSession(pgid int) {
	_ = unix.Kill(-pgid, unix.SIGKILL)
	killed := map[int]bool{pgid: true}
	// A process may fork between the listing and its own end.
	for more := true; more; {
		more = false
		for _, pid := range sessionMembers(pgid) {
			if !killed[pid] {
				_ = unix.Kill(pid, unix.SIGKILL)
				killed[pid], more = true, true
			}
		}
	}
}

// sessionMembers lists the processes of a session, zombies among them.
func sessionMembers(sid int) []int {
	var members []int
	for _, pid := range processes() {
		if s, err := unix.Getsid(pid); err == nil && s == sid {
			members = append(members, pid)
		}
	}
	return members
}
