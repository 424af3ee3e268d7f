package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockDir makes dir, for this user alone, and locks it until the returned file
// is closed or this process ends. A directory that another stack holds is an
// error that names its process.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	if err := checkOurs(dir); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory holds keys, and cannot be kept from other users: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", lock.Name(), err)
		}
		owner, _ := io.ReadAll(io.LimitReader(lock, 32))
		return nil, fmt.Errorf("a stack already runs on %s, as process %s: use it (. %s), stop it, or choose another directory with --data",
			dir, strings.TrimSpace(string(owner)), filepath.Join(dir, "env"))
	}
	if err := lock.Truncate(0); err != nil {
		lock.Close()
		return nil, err
	}
	if _, err := fmt.Fprintln(lock, os.Getpid()); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// checkOurs refuses a directory that somebody uses for something else: a
// stack's would become unreadable to others.
func checkOurs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds files that are no stack's: choose an empty or a new directory with --data", dir)
	}
	return nil
}

// loadKey returns the account key that path keeps, a new random one at first:
// a key that were the same everywhere would let any web page in.
func loadKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 64) // as long as Azure's own
	rand.Read(random)
	key := base64.StdEncoding.EncodeToString(random)
	return key, writeFile(path, []byte(key+"\n"))
}

// writeFile puts data into the file path, readable by this user alone. At any
// moment the file is the old one or the new one, never half of it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// tail returns the last lines that were written to the file at path from the
// offset on, indented, or "" when there are none.
func tail(path string, from int64) string {
	const lines, most = 20, 16 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from = max(from, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	var b strings.Builder
	for _, line := range all[max(0, len(all)-lines):] {
		if line != "" {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String()
}
