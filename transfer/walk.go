package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sys/unix"
)

// File is a regular file below a directory.
type File struct {
	Name    string // slash-separated path below the directory
	Path    string // where it is on this machine
	Size    int64
	ModTime time.Time
}

// ErrName is the cause when a file or blob that matches has a name that cannot
// be used. Only renaming it, or a pattern that leaves it out, helps.
var ErrName = errors.New("this name cannot be used")

// Walk calls yield for each regular file below root that matches any of the
// patterns, ordered by name, byte by byte, which is the order Blob lists in. A
// pattern without a slash is held against the file's base name, one with a
// slash against its name (** spans directories); no patterns match every file.
//
// A symbolic link to a regular file counts as that file; one to a directory is
// not followed. What cannot be read, a link to nothing, or a name that is not
// UTF-8 (ErrName) is an error that names the file, unless the patterns leave it
// out. What yield returns ends the walk and is returned. Named pipes, sockets and
// devices are left out; a Survey tells of them.
func Walk(ctx context.Context, root string, match []string, yield func(File) error) error {
	return new(Survey).Walk(ctx, root, match, yield)
}

func walk(ctx context.Context, root string, s *Survey, yield func(File) error, problem func(error)) error {
	info, err := os.Stat(root)
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a directory", root)
	}
	return walker{ctx: ctx, root: root, survey: s, yield: yield, problem: problem}.walk("")
}

type walker struct {
	ctx    context.Context
	root   string
	survey *Survey
	yield  func(File) error
	// problem gets what is wrong with a file; nil: that ends the walk.
	problem func(error)
}

// wrong is the error that ends the walk, or nil when somebody else has it.
func (w walker) wrong(err error) error {
	if w.problem == nil {
		return err
	}
	w.problem(err)
	return nil
}

// walk visits dir, a name below the root, or the root itself if it is empty.
func (w walker) walk(dir string) error {
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(dir)))
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	for _, entry := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			if utf8.ValidString(name) {
				err = w.walk(name)
			} else {
				err = w.wrong(notUTF8(name))
			}
		} else {
			err = w.visit(name, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sortKey puts a directory where the names of its files belong: "a.txt" comes
// before "a/b".
func sortKey(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}

func (w walker) visit(name string, entry fs.DirEntry) error {
	if !w.survey.matches(name) {
		return nil
	}
	if kind := entry.Type() &^ fs.ModeSymlink; kind != 0 {
		w.survey.leaveOut(name, kind)
		return nil
	}
	file := filepath.Join(w.root, filepath.FromSlash(name))
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) && entry.Type() == 0 {
		return nil // deleted since the directory was read
	}
	if errors.Is(err, fs.ErrNotExist) {
		return w.wrong(fmt.Errorf("%q is a symbolic link to nothing; delete it or leave it out of what matches", file))
	}
	if err != nil {
		return w.wrong(fmt.Errorf("read file: %w", err))
	}
	if !info.Mode().IsRegular() {
		w.survey.leaveOut(name, info.Mode())
		return nil
	}
	if !utf8.ValidString(name) {
		return w.wrong(notUTF8(name))
	}
	if err := unix.Faccessat(unix.AT_FDCWD, file, unix.R_OK, unix.AT_EACCESS); err != nil {
		return w.wrong(fmt.Errorf("%q may not be read by this user: %w", file, err))
	}
	return w.yield(File{Name: name, Path: file, Size: info.Size(), ModTime: info.ModTime()})
}

func notUTF8(name string) error {
	return fmt.Errorf("%q: %w: it is not UTF-8, which Blob and Batch need; rename it", name, ErrName)
}

// ValidPattern says what is wrong with a pattern of Walk, or nil.
func ValidPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("an empty pattern matches nothing; write * for every file")
	case !doublestar.ValidatePattern(pattern):
		return fmt.Errorf("%q is not a pattern; what may stand in one is *, ?, [abc], {a,b}, ** and \\ before a literal character", pattern)
	case strings.HasPrefix(pattern, "/"):
		return fmt.Errorf("%q matches nothing: names do not begin with a slash", pattern)
	case slices.Contains(strings.Split(pattern, "/"), ".."), slices.Contains(strings.Split(pattern, "/"), "."):
		return fmt.Errorf("%q matches nothing: names hold no . or .. between slashes", pattern)
	}
	return nil
}

func validPatterns(patterns []string) error {
	for _, p := range patterns {
		if err := ValidPattern(p); err != nil {
			return err
		}
	}
	return nil
}

func matchesOne(pattern, name string) bool {
	if strings.Contains(pattern, "/") {
		return doublestar.MatchUnvalidated(pattern, name)
	}
	return doublestar.MatchUnvalidated(pattern, path.Base(name))
}
