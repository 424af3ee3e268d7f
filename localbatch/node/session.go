package node

import (
	"time"

	"golang.org/x/sys/unix"
)

// killSession ends the process group pgid and every other group of its
// session: timeout(1), for one, moves its command to a group of its own. The
// caller keeps the leader from being reaped; it is killed with its group and
// not looked at again.
func killSession(pgid int) {
	_ = unix.Kill(-pgid, unix.SIGKILL)
	killAll(pgid, func() []int { return sessionMembers(pgid) })
}

// killLeftovers ends what the ended process pgid has left behind: its session
// and, unless they may stay, the processes that made a session of their own,
// as setsid(1) and daemons do. Those are known by the task's directory in the
// environment that they were started with.
//
// What has cleared its environment and left the session is out of reach, and on
// macOS all that has left the session is: only the next start of the service
// looks for it there.
func killLeftovers(pgid int, began time.Time, taskDir string, daemonsStay bool) {
	_ = unix.Kill(-pgid, unix.SIGKILL)
	killAll(pgid, func() []int {
		var left []int
		for _, pid := range descendants(pgid, began) {
			sid, err := unix.Getsid(pid)
			switch {
			case err != nil:
			case sid == pgid, findsDaemons && !daemonsStay && taskDirOf(pid) == taskDir:
				left = append(left, pid)
			}
		}
		return left
	})
}

// killAll kills what list finds until it finds nothing more: a process may
// fork between the listing and its own end.
func killAll(leader int, list func() []int) {
	killed := map[int]bool{leader: true}
	for more := true; more; {
		more = false
		for _, pid := range list() {
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
