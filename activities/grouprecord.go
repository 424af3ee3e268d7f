package activities

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// fileRun is what a group's record says of one file: how often its command was
// run, and how the last time went.
type fileRun struct {
	runs           int32
	started, ended time.Time
	ending         bool // the last run came to an end
	code           int32
	stdout, stderr *workload.Span // of the last run
}

// record is what the script of a group tells of its files, by index.
type record map[int64]fileRun

// parseRecord reads the record that a group's script wrote, which may end in
// the middle of a line.
func parseRecord(text []byte) (record, error) {
	files := record{}
	end := bytes.LastIndexByte(text, '\n')
	if end < 0 {
		return files, nil
	}
	for line := range strings.SplitSeq(string(text[:end]), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			return nil, fmt.Errorf("the line %.80q is none of a record of files", line)
		}
		index, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the line %.80q names no file", line)
		}
		file := files[index]
		if err := file.read(fields); err != nil {
			return nil, fmt.Errorf("the line %.80q: %w", line, err)
		}
		files[index] = file
	}
	return files, nil
}

// read takes one line of the record.
func (f *fileRun) read(fields []string) error {
	run, err := strconv.ParseInt(fields[2], 10, 32)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(fields[3], 64)
	if err != nil {
		return err
	}
	at := time.UnixMicro(int64(seconds * 1e6)).UTC()
	switch {
	case fields[0] == "begin":
		*f = fileRun{runs: int32(run), started: at, stdout: span(fields[4]), stderr: span(fields[5])}
		return nil
	case fields[0] == "end" && len(fields) == 7:
		code, err := strconv.ParseInt(fields[6], 10, 32)
		f.ending, f.ended, f.code = true, at, int32(code)
		f.stdout, f.stderr = until(f.stdout, fields[4]), until(f.stderr, fields[5])
		return err
	default:
		return fmt.Errorf("%s is nothing that a record tells", fields[0])
	}
}

// span begins where the record says, or is nil where the record cannot say.
func span(from string) *workload.Span {
	at, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return nil
	}
	return &workload.Span{From: at, To: at}
}

// until ends a span; one that has no end is of no use.
func until(s *workload.Span, to string) *workload.Span {
	at, err := strconv.ParseInt(to, 10, 64)
	if s == nil || err != nil || at < s.From {
		return nil
	}
	return &workload.Span{From: s.From, To: at}
}
