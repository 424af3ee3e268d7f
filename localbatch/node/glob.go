package node

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
)

// glob lists the files below the task's root that match p, sorted, as paths
// relative to the root. Symbolic links to directories are not followed by a
// wildcard; links to files are listed without a look at where they lead.
func (d *directory) glob(p pattern) ([]string, error) {
	w := walk{root: d.root, segments: p.segments, seen: map[place]bool{}}
	if err := w.visit(p.base, 0); err != nil {
		return nil, err
	}
	slices.Sort(w.found)
	return slices.Compact(w.found), nil
}

// walk goes down the segments of a pattern and the directories they match.
type walk struct {
	root     *os.Root
	segments []segment
	seen     map[place]bool // so that several ** cost no more than one each
	found    []string
}

type place struct {
	dir     string
	segment int
}

func (w *walk) visit(dir string, at int) error {
	if w.seen[place{dir, at}] {
		return nil
	}
	w.seen[place{dir, at}] = true
	s, last := w.segments[at], at == len(w.segments)-1
	if s.deep {
		return w.visitDeep(dir, at, last)
	}
	if !s.wild {
		return w.visitName(path.Join(dir, s.literal), at, last)
	}
	return w.list(dir, func(entry fs.DirEntry) error {
		name := path.Join(dir, entry.Name())
		switch {
		case !s.match(entry.Name()):
		case last && !entry.IsDir():
			w.found = append(w.found, name)
		case !last && entry.IsDir():
			return w.visit(name, at+1)
		}
		return nil
	})
}

// visitDeep is visit for **: no directory, or each one and all below it. At the
// end of a pattern it stands for every file below.
func (w *walk) visitDeep(dir string, at int, last bool) error {
	if !last {
		if err := w.visit(dir, at+1); err != nil {
			return err
		}
	}
	return w.list(dir, func(entry fs.DirEntry) error {
		name := path.Join(dir, entry.Name())
		switch {
		case entry.Name()[0] == '.':
		case entry.IsDir():
			return w.visit(name, at)
		case last:
			w.found = append(w.found, name)
		}
		return nil
	})
}

// visitName is visit for a segment without wildcards.
func (w *walk) visitName(name string, at int, last bool) error {
	if !last {
		return w.visit(name, at+1)
	}
	info, err := w.root.Lstat(name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		w.found = append(w.found, name)
	}
	return nil
}

func (w *walk) list(dir string, each func(fs.DirEntry) error) error {
	f, err := w.root.Open(dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	f.Close()
	if err != nil && !absent(err) {
		return err
	}
	for _, entry := range entries {
		if err := each(entry); err != nil {
			return err
		}
	}
	return nil
}

// absent says that nothing is there to match: no such file, or a file where
// the pattern has a directory.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
