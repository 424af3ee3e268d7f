package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The names of what Run makes in a task's directory.
const (
	workingDir    = "wd"
	fetchDir      = ".fetch" // resource files on their way, so that none is ever seen half written
	stdoutFile    = "stdout.txt"
	stderrFile    = "stderr.txt"
	uploadOutFile = "fileuploadout.txt"
	uploadErrFile = "fileuploaderr.txt"
)

// directory is a task's root directory. All access goes through os.Root: an
// earlier try may have left symbolic links that lead anywhere.
type directory struct {
	path string
	root *os.Root
	into string // where below it resource files are put
}

// makeDirectory gives a task's directory as a first try would find it.
func makeDirectory(path string) (*directory, error) {
	if !filepath.IsAbs(path) {
		return nil, failure(CommandLaunchFailed, "The task's directory is not an absolute path", "Directory", path)
	}
	isNew, err := mkdir(path)
	if err != nil {
		return nil, directoryFailure(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, directoryFailure(err)
	}
	d := &directory{path: filepath.Clean(path), root: root, into: workingDir}
	if !isNew {
		err = d.clear()
	}
	if err == nil {
		err = d.root.Mkdir(workingDir, 0o750)
	}
	if err != nil {
		d.close()
		return nil, directoryFailure(err)
	}
	return d, nil
}

// mkdir makes a directory and those above it that are missing. isNew: it was
// not there.
func mkdir(path string) (isNew bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return false, err
	}
	err = os.Mkdir(path, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return false, nil // if it is no directory, opening it says so
	}
	return err == nil, err
}

func (d *directory) clear() error {
	for _, name := range []string{workingDir, fetchDir, stdoutFile, stderrFile, uploadOutFile, uploadErrFile} {
		if _, err := d.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := d.removeAll(name); err != nil {
			return fmt.Errorf("remove what an earlier try left: %w", err)
		}
	}
	return nil
}

// removeAll also removes directories that a task has made unwritable.
func (d *directory) removeAll(name string) error {
	if d.root.RemoveAll(name) == nil {
		return nil
	}
	_ = fs.WalkDir(d.root.FS(), name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = d.root.Chmod(path, 0o700)
		}
		return nil
	})
	return d.root.RemoveAll(name)
}

// create makes a file that must not be there yet.
func (d *directory) create(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o640)
}

func (d *directory) workingDir() string { return filepath.Join(d.path, workingDir) }

func (d *directory) close() { _ = d.root.Close() }

func directoryFailure(err error) error {
	return failure(ResourceDirectoryCreateFailed, "The task's directory could not be made", "Message", err.Error())
}
