package localbatch

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/durabatch/durabatch/localbatch/store"
)

// readFile answers a file's bytes, or a range of them.
func readFile(r *http.Request, where place) (reply, error) {
	name := r.PathValue("file")
	file, info, err := where.open(name)
	if err != nil {
		return reply{}, err
	}
	answer, err := fileReply(r, where, name, file, info)
	if err != nil {
		return reply{}, errors.Join(err, file.Close())
	}
	return answer, nil
}

func fileReply(r *http.Request, where place, name string, file *os.File, info fs.FileInfo) (reply, error) {
	modified := store.TimeOf(info.ModTime())
	if err := checkConditions(r, modified, false); err != nil {
		return reply{}, err
	}
	h := http.Header{}
	h.Set("Last-Modified", httpTime(modified))
	h.Set("ocp-batch-file-url", wholeEscaped(where.fileURL(name)))
	h.Set("ocp-batch-file-mode", fileMode(info))
	if info.IsDir() {
		if r.Method == http.MethodGet {
			return reply{}, badRequest("InvalidInput", "The specified file is a directory; list it, or name a file in it.")
		}
		h.Set("ocp-batch-file-isdirectory", "True")
		return reply{status: http.StatusOK, headers: h}, file.Close()
	}
	start, end, err := parseRange(r.Header.Get("ocp-range"), info.Size())
	if err != nil {
		return reply{}, err
	}
	h.Set("ocp-batch-file-isdirectory", "False")
	h.Set("Content-Type", contentType(name))
	h.Set("Content-Length", strconv.FormatInt(end-start, 10))
	// 200 for a range as well: clients made from the specification take nothing else.
	return reply{status: http.StatusOK, headers: h, content: section{io.NewSectionReader(file, start, end-start), file}}, nil
}

// wholeEscaped escapes a URL as the real service does in ocp-batch-file-url:
// its colons and slashes too.
func wholeEscaped(address string) string {
	return strings.ReplaceAll(url.QueryEscape(address), "+", "%20")
}

// section is a part of a file that closes the whole.
type section struct {
	io.Reader
	io.Closer
}

// open opens a file or directory below the place. Links are followed as long
// as they stay below it, and a pipe that a task has left does not block.
func (p place) open(name string) (*os.File, fs.FileInfo, error) {
	none := notFound("File").because("%s", "there is no such file or directory")
	if !filepath.IsLocal(name) {
		return nil, nil, none
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, nil, none
	}
	defer root.Close()
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, none
	}
	info, err := file.Stat()
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return nil, nil, errors.Join(none, err, file.Close())
	}
	return file, info, nil
}

// parseRange reads ocp-range: bytes=start-end, both inclusive, or bytes=start-.
func parseRange(header string, size int64) (start, end int64, err error) {
	if header == "" {
		return 0, size, nil
	}
	invalid := &apiError{
		status: http.StatusRequestedRangeNotSatisfiable, code: "InvalidRange",
		message: "The range specified is invalid for the current size of the resource.",
	}
	bounds := byteRange.FindStringSubmatch(header)
	if bounds == nil {
		return 0, 0, invalid
	}
	if start = position(bounds[1]); start >= size {
		return 0, 0, invalid
	}
	if bounds[2] == "" {
		return start, size, nil
	}
	if end = position(bounds[2]); end < start {
		return 0, 0, invalid
	}
	return start, min(end, size-1) + 1, nil
}

var byteRange = regexp.MustCompile(`^bytes=([0-9]+)-([0-9]*)$`)

// position is a number of digits alone. One beyond any file's end is as good
// as the largest there is.
func position(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}

func removeFile(r *http.Request, where place) (reply, error) {
	recursive, err := boolParameter(r, "recursive")
	if err != nil {
		return reply{}, err
	}
	name := r.PathValue("file")
	none := notFound("File").because("%s", "there is no such file or directory")
	if !filepath.IsLocal(name) || filepath.Clean(name) == "." {
		return reply{}, none
	}
	root, err := os.OpenRoot(where.dir)
	if err != nil {
		return reply{}, none
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil {
		return reply{}, none
	}
	remove := root.Remove
	if info.IsDir() && recursive {
		remove = root.RemoveAll
	}
	switch err := remove(name); {
	case errors.Is(err, fs.ErrNotExist):
		return reply{}, none
	case errors.Is(err, unix.ENOTEMPTY):
		return reply{}, badRequest("InvalidInput", "The specified directory is not empty; delete it with recursive=true.")
	case err != nil:
		return reply{}, err
	}
	return reply{status: http.StatusOK}, nil
}
