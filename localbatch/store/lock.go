package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long the lock of a service that has been killed may
// outlive it: a process that it was just starting shares the lock until it has
// become the program that it was started for.
const lockPatience = 3 * time.Second

// lockDirectory takes the lock that keeps two services from one data
// directory. The system gives it back when the process ends, however it ends.
func lockDirectory(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the Batch service's data directory: %w", err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errors.New("another Batch service is using it; stop that one, or choose another data directory")
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
}
