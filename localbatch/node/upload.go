package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// upload sends every output file whose condition the exit code meets. It goes
// on after a failure, to save what can be saved, and returns the first.
func (m *Machine) upload(ctx context.Context, d *directory, t Task, code int32) error {
	chosen := chooseOutputs(t.OutputFiles, code)
	if len(chosen) == 0 {
		return nil
	}
	log, err := openUploadLog(d)
	if err != nil {
		return failure(FileUploadMiscError, "The log of the uploads could not be made", "Message", err.Error())
	}
	defer log.close()

	env := m.environment(t, d.workingDir())
	var g errgroup.Group
	g.SetLimit(m.transfers)
	for _, output := range chosen {
		m.uploadMatches(ctx, d, output, env, log, &g)
	}
	return g.Wait()
}

func chooseOutputs(files []OutputFile, code int32) []OutputFile {
	var chosen []OutputFile
	for _, f := range files {
		if f.Condition == TaskSuccess && code != 0 || f.Condition == TaskFailure && code == 0 {
			continue
		}
		chosen = append(chosen, f)
	}
	return chosen
}

// uploadMatches gives g one upload for each file that output matches.
func (m *Machine) uploadMatches(ctx context.Context, d *directory, output OutputFile, env environment, log *uploadLog, g *errgroup.Group) {
	fail := func(err error) {
		g.Go(func() error { return log.fail(output.FilePattern, uploadFailure(output, output.FilePattern, err)) })
	}
	p, err := parsePattern(expandVariables(output.FilePattern, env), d.path)
	if err != nil {
		fail(err)
		return
	}
	files, err := d.glob(p)
	if err != nil {
		fail(err)
		return
	}
	if len(files) == 0 {
		log.note("no file matches %q", output.FilePattern)
		return
	}
	client, err := m.containerClientFor(output.ContainerURL, output.Identity)
	if err != nil {
		fail(err)
		return
	}
	for _, file := range files {
		g.Go(func() error {
			blob := blobName(output.Path, file, p.wild)
			size, err := m.uploadFile(ctx, d, file, client.NewBlockBlobClient(blob), output.UploadHeaders)
			switch {
			case err == nil:
				log.note("uploaded %q, %d bytes, as %q to %s", file, size, blob, source(output.ContainerURL))
			case absent(err), errors.Is(err, errNotRegular):
				// A pipe, or a link that leads nowhere, is no file that the pattern could match.
				log.note("left out %q: %v", file, err)
			default:
				return log.fail(file, uploadFailure(output, file, err))
			}
			return nil
		})
	}
}

// blobName is where a file goes: to be named by destination alone if the
// pattern can match one file only, otherwise below destination with its path.
func blobName(destination, file string, wild bool) string {
	if !wild && destination != "" {
		return destination
	}
	name := strings.TrimPrefix(file, workingDir+"/")
	if destination == "" {
		return name
	}
	return strings.TrimSuffix(destination, "/") + "/" + name
}

// uploadLog is fileuploadout.txt and fileuploaderr.txt.
type uploadLog struct {
	mu       sync.Mutex
	out, err *os.File
}

func openUploadLog(d *directory) (*uploadLog, error) {
	out, err := d.create(uploadOutFile)
	if err != nil {
		return nil, err
	}
	errFile, err := d.create(uploadErrFile)
	if err != nil {
		out.Close()
		return nil, err
	}
	return &uploadLog{out: out, err: errFile}, nil
}

func (l *uploadLog) note(format string, args ...any) { l.write(l.out, fmt.Sprintf(format, args...)) }

// fail writes a failure down and returns it.
func (l *uploadLog) fail(file string, f *Failure) error {
	l.write(l.err, fmt.Sprintf("%q was not uploaded: %s", path.Clean(file), f.Error()))
	return f
}

func (l *uploadLog) write(to *os.File, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(to, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), withoutSecrets(line))
}

func (l *uploadLog) close() {
	l.out.Close()
	l.err.Close()
}
