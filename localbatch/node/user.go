package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is an operating-system user that a process is to run as.
type account struct {
	name string
	ids  *syscall.Credential
}

// accountOf is the user of a task; nil: the service's own.
func (m *Machine) accountOf(t Task) (*account, error) {
	if t.User == "" {
		return nil, nil
	}
	a, err := accountWithIDs(t), error(nil)
	if a == nil {
		a, err = accountByName(t.User)
	}
	switch {
	case err != nil:
		return nil, err
	case a.isOwn(t):
		return nil, nil
	case !m.root:
		return nil, launchFailure(fmt.Sprintf("The task is to run as %s, which only a Batch service that runs as root can have it do. Run the service as root or as that user, or the task without userIdentity.username.", a))
	}
	return a, nil
}

// accountWithIDs is a user by numbers, which the machine need not know; nil:
// the task has none.
func accountWithIDs(t Task) *account {
	if t.UserIDs == nil {
		return nil
	}
	return &account{name: t.User, ids: &syscall.Credential{Uid: t.UserIDs.UID, Gid: t.UserIDs.GID}}
}

// accountByName is a user of the machine.
func accountByName(name string) (*account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, launchFailure(fmt.Sprintf("The user account %s is none of the machine that the Batch service runs on. Make it there, give it uid and gid, or run the task without userIdentity.username.", name))
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, launchFailure(fmt.Sprintf("The user account %s has no number: %s", name, u.Uid))
	}
	a := &account{name: name, ids: &syscall.Credential{Uid: uint32(uid)}}
	if gid, err := strconv.ParseUint(u.Gid, 10, 32); err == nil {
		a.ids.Gid = uint32(gid)
	}
	groups, _ := u.GroupIds() // without them it has those of its primary group
	for _, group := range groups {
		if gid, err := strconv.ParseUint(group, 10, 32); err == nil {
			a.ids.Groups = append(a.ids.Groups, uint32(gid))
		}
	}
	return a, nil
}

// isOwn says whether the service itself runs as the account.
func (a *account) isOwn(t Task) bool {
	return int(a.ids.Uid) == os.Geteuid() && (t.UserIDs == nil || int(a.ids.Gid) == os.Getegid())
}

func (a *account) String() string {
	return fmt.Sprintf("%s (uid %d, gid %d)", a.name, a.ids.Uid, a.ids.Gid)
}

// giveTo makes the task's directory the user's, and lets it pass through those
// above.
func (d *directory) giveTo(a *account, base string) error {
	err := fs.WalkDir(d.root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return d.root.Lchown(path, int(a.ids.Uid), int(a.ids.Gid))
	})
	for dir := filepath.Dir(d.path); err == nil && base != "" && within(dir, base); dir = filepath.Dir(dir) {
		err = letPass(dir)
	}
	if err != nil {
		return launchFailure(fmt.Sprintf("The task's directory could not be given to %s: %s", a.name, err))
	}
	return nil
}

func within(dir, base string) bool {
	return dir == base || strings.HasPrefix(dir, strings.TrimSuffix(base, "/")+"/")
}

// letPass allows everybody to reach what lies in a directory, of which nobody
// learns more for that.
func letPass(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o001 != 0 {
		return nil
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// userFailure is for a process that could not start as another user. The
// system says no more than that something is forbidden.
func userFailure(a *account, dir string, err error) error {
	if a != nil && errors.Is(err, fs.ErrPermission) {
		return launchFailure(fmt.Sprintf("%s may not run the program or reach its working directory %s: %s", a.name, dir, err))
	}
	return nil
}
