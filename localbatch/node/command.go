package node

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/kballard/go-shellquote"
)

// splitCommandLine gives the program and its arguments. Words are parted by
// blanks, tabs and newlines; single quotes, double quotes and backslashes work
// as in a POSIX shell; every other character is only itself.
func splitCommandLine(line string) ([]string, error) {
	words, err := shellquote.Split(line)
	if err != nil {
		return nil, launchFailure("The command line cannot be split into arguments: " + strings.ToLower(err.Error()))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, launchFailure("The command line names no program")
	}
	return words, nil
}

// findProgram looks a program up as execvp does, but never in the service's
// own directory: relative paths are relative to the working directory.
func findProgram(name, searchPath, dir string) (string, error) {
	if strings.Contains(name, "/") {
		path := absolute(name, dir)
		return path, programFailure(name, checkProgram(path))
	}
	var refused error = fs.ErrNotExist
	for _, place := range filepath.SplitList(searchPath) {
		path := absolute(filepath.Join(place, name), dir)
		err := checkProgram(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			refused = err
		}
	}
	return "", programFailure(name, refused)
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New(path + " is a directory")
	case info.Mode()&0o111 == 0:
		return errors.New(path + " is not executable")
	}
	return nil
}

// programFailure is the task's failure for a program that cannot be run, or nil.
func programFailure(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure(CommandProgramNotFound, "The specified command program is not found", "Program", name)
	}
	return launchFailure(err.Error())
}

func launchFailure(message string) error {
	return failure(CommandLaunchFailed, "The command line could not be launched", "Message", message)
}

// environment is all that a task's process sees. Entries of t come last, and
// the last of a name counts; but the task's directory is what it is, because
// orphans are known by it.
func (m *Machine) environment(t Task, dir string) environment {
	env := environment{}
	env.set("PATH", m.path)
	env.set("HOME", dir)
	env.set("LANG", defaultLanguage)
	if t.User != "" {
		env.set("USER", t.User)
	} else if u, err := user.Current(); err == nil {
		env.set("USER", u.Username)
	}
	env.set("AZ_BATCH_TASK_WORKING_DIR", dir)
	for _, entry := range t.Environment {
		name, value, _ := strings.Cut(entry, "=")
		env.set(name, value)
	}
	env.set(taskDirVariable, t.Dir)
	return env
}

// taskDirVariable names the task's directory to its processes, and tells
// [EndOrphan] whose they are.
const taskDirVariable = "AZ_BATCH_TASK_DIR"

// environment maps names to values.
type environment map[string]string

func (e environment) set(name, value string) { e[name] = value }

func (e environment) list() []string {
	list := make([]string, 0, len(e))
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}
