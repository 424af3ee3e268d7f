package workload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// maxFile bounds what is read at all.
	maxFile = 1 << 20
	// maxDocument bounds the workload as JSON. It passes through Temporal, where
	// payloads are to stay under 64 KiB.
	maxDocument = 48 << 10
)

// Parse reads a workload, YAML or JSON, with its defaults applied. name is what
// error messages call it; JSON is recognised by itself, and when the name ends
// in .json. The error is of type Problems and holds everything that is wrong.
//
// At most 1 MiB is looked at. YAML aliases are followed by copying, up to 10,000
// values and 32 levels in all, so that no small text stands for an endless one;
// one document, no tags, no merge keys. Directories are left as they are
// written: see Load and RequireAbsolute.
func Parse(name string, data []byte) (*Workload, error) {
	w, _, err := parse(name, data)
	return w, err
}

// Load reads the workload in the file at path and makes inputs.dir and
// outputs.dir absolute; they are relative to the file's directory. Unless
// inputs.host says that they are on another machine, the directories are looked
// at too. The error is of type Problems.
func Load(path string) (*Workload, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Message: err.Error()}}
	}
	return load(path, filepath.Dir(path), data)
}

// Read is Load for a workload that is in no file, such as standard input: name
// stands for it in errors, and directories are relative to the working
// directory.
func Read(name string, text io.Reader) (*Workload, error) {
	data, err := io.ReadAll(io.LimitReader(text, maxFile+1))
	if err != nil {
		return nil, Problems{{File: name, Message: err.Error()}}
	}
	return load(name, ".", data)
}

func load(name, directory string, data []byte) (*Workload, error) {
	w, c, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	base, err := filepath.Abs(directory)
	if err != nil {
		return nil, Problems{{File: name, Message: err.Error()}}
	}
	w.Inputs.Dir = resolve(base, w.Inputs.Dir)
	if w.Inputs.Container == "" {
		w.Inputs.Manifest = resolve(base, w.Inputs.Manifest)
	}
	w.Outputs.Dir = resolve(base, w.Outputs.Dir)
	if w.Inputs.Host == "" {
		c.checkDirs(w)
	}
	if err := c.result(); err != nil {
		return nil, err
	}
	return w, nil
}

// RequireAbsolute refuses relative directories, in a workload that came without
// a file that they could be relative to. The error is of type Problems.
func (w *Workload) RequireAbsolute() error {
	var ps Problems
	manifest := w.Inputs.Manifest
	if w.Inputs.Container != "" {
		manifest = ""
	}
	for _, d := range []struct{ field, dir string }{
		{"inputs.dir", w.Inputs.Dir},
		{"inputs.manifest", manifest},
		{"outputs.dir", w.Outputs.Dir},
	} {
		if d.dir != "" && !filepath.IsAbs(d.dir) {
			ps = append(ps, Problem{
				Field:   d.field,
				Message: fmt.Sprintf("%q is relative, but to nothing: write the absolute path", shorten(d.dir)),
			})
		}
	}
	return ps.err()
}

// parse also answers the check, for what only Load can judge.
func parse(name string, data []byte) (*Workload, *check, error) {
	r := &report{file: name}
	root := readTree(r, name, data)
	if root == nil || r.stopped {
		return nil, nil, r.result()
	}
	c := newCheck(r, root)
	c.checkSchema()
	if c.stopped {
		return nil, nil, c.result()
	}
	w := new(Workload)
	if err := unmarshalInto(c.root.plain(), w); err != nil {
		// The schema lets nothing pass that the types do not hold.
		c.fatal(position{}, err.Error())
		return nil, nil, c.result()
	}
	c.checkRules(w)
	w.applyDefaults()
	c.checkSize(w)
	if err := c.result(); err != nil {
		return nil, nil, err
	}
	return w, c, nil
}

// readTree is nil where there is nothing to check further.
func readTree(r *report, name string, data []byte) *node {
	if len(data) > maxFile {
		r.fatal(position{}, fmt.Sprintf("is larger than %d bytes; a workload is a page of text", maxFile))
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at, message := notText(data); message != "" {
		r.fatal(at, message)
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		r.fatal(position{}, emptyDocument)
		return nil
	}
	b := &builder{report: r}
	var root *node
	if looksLikeJSON(name, data) {
		root = b.readJSON(data)
	} else {
		root = b.readYAML(data)
	}
	if root != nil && root.kind != object {
		r.fatal(root.position, fmt.Sprintf("must be a group of keys (name, inputs, pool, task ...), not %s", root.kind))
		return nil
	}
	return root
}

func (c *check) checkSize(w *Workload) {
	if size := len(DocumentOf(w).text); size > maxDocument {
		c.add(position{}, "", fmt.Sprintf(
			"has %d bytes as JSON, at most %d are possible; move scripts and long lists into resource files", size, maxDocument))
	}
}

// result is all problems so far, in the order of the document.
func (r *report) result() error {
	r.problems.sort()
	return r.problems.err()
}

// readFile reads no more than Parse would look at.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, reason(err)
	}
	return data, nil
}

// reason is a file error without the path, which the message has already.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return fmt.Errorf("cannot be read: %w", pathError.Err)
	}
	return err
}

func resolve(base, dir string) string {
	if dir == "" || filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(base, dir)
}

// checkDirs looks for the directories on this machine.
func (c *check) checkDirs(w *Workload) {
	if dir := w.Inputs.Dir; dir != "" {
		if err := openDir(dir); err != nil {
			c.refuse("inputs.dir", fmt.Sprintf("%s %v", dir, reason(err)))
		}
	}
	if dir := w.Outputs.Dir; dir != "" {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			c.refuse("outputs.dir", dir+" is not a directory")
		}
	}
}

// openDir fails when the directory cannot be walked.
func openDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.Readdirnames(1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
