package localbatch

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

type fileDocument struct {
	Name        string          `json:"name"`
	URL         string          `json:"url"`
	IsDirectory bool            `json:"isDirectory"`
	Properties  *fileProperties `json:"properties,omitempty"`
}

type fileProperties struct {
	LastModified  store.Time `json:"lastModified"`
	ContentLength any        `json:"contentLength"` // as lengthFor has it
	ContentType   string     `json:"contentType"`
	FileMode      string     `json:"fileMode"`
}

func (s *Service) listFiles(r *http.Request, where place) (reply, error) {
	list, err := parseList(r, fields{"name": prefixKind})
	if err != nil {
		return reply{}, err
	}
	recursive, err := boolParameter(r, "recursive")
	if err != nil {
		return reply{}, err
	}
	root, err := os.OpenRoot(where.dir)
	if errors.Is(err, fs.ErrNotExist) { // it is about to be made
		return s.pageOf(r, "files", list, nil)
	}
	if err != nil {
		return reply{}, err
	}
	defer root.Close()
	length := lengthFor(r)
	var items []listed
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || name == "." {
			return nil // a running task may remove what is being listed
		}
		if err != nil {
			return err
		}
		if document, ok := where.document(root, name, length); ok {
			items = append(items, listed{name, document, func(string) any { return name }})
		}
		if entry.IsDir() && !recursive {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	slices.SortFunc(items, func(a, b listed) int { return strings.Compare(a.key, b.key) })
	return s.pageOf(r, "files", list, items)
}

// document describes a file or directory; anything else, such as a pipe or a
// link that leads out of the place, is no file to Batch.
func (p place) document(root *os.Root, name string, length func(int64) any) (fileDocument, bool) {
	info, err := root.Stat(name)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return fileDocument{}, false
	}
	document := fileDocument{Name: name, URL: p.fileURL(name), IsDirectory: info.IsDir()}
	if !info.IsDir() {
		document.Properties = &fileProperties{
			LastModified: store.TimeOf(info.ModTime()), ContentLength: length(info.Size()),
			ContentType: contentType(name), FileMode: fileMode(info),
		}
	}
	return document, true
}

// lengthFor says how the client of r reads a file's length: as a text, like
// every int64 of Batch, or, if it is a Go SDK of before azbatch, as a number:
// those cannot decode the real service's lists of files.
func lengthFor(r *http.Request) func(int64) any {
	agent := r.UserAgent()
	if strings.Contains(agent, "Azure-SDK-For-Go/") && strings.Contains(agent, " batch/") {
		return func(n int64) any { return n }
	}
	return func(n int64) any { return strconv.FormatInt(n, 10) }
}

func boolParameter(r *http.Request, name string) (bool, error) {
	switch value := r.URL.Query().Get(name); strings.ToLower(value) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, invalidQuery(name, value, "it is neither true nor false")
	}
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".txt") {
		return "text/plain"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// fileMode is a file's mode as Batch writes it: with the bits of its type, in
// octal, as in 0o100644.
func fileMode(info fs.FileInfo) string {
	const regular, directory = 0o100000, 0o040000
	kind := regular
	if info.IsDir() {
		kind = directory
	}
	return fmt.Sprintf("%O", kind|int(info.Mode().Perm()))
}
