package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// chaosRun is one run among others on a stack in which things go wrong.
type chaosRun struct {
	*chaosStack
	id, dir string
	inputs  map[string][]byte

	report  workload.Report
	took    time.Duration
	again   int   // times that starter had to be started again
	begun   int64 // tasks' commands
	counted int64 // attempts by the results
}

// newChaosRun writes the files of a run, of random content by its seed.
func newChaosRun(c *chaosStack, dir string, seed uint64, n, tasks int) (*chaosRun, error) {
	r := &chaosRun{chaosStack: c, id: fmt.Sprintf("chaos-%d-%03d", seed, n), inputs: map[string][]byte{}}
	r.dir = filepath.Join(dir, r.id)
	chaos := rand.New(rand.NewPCG(seed, uint64(n)+1))
	for task := range tasks {
		name := fmt.Sprintf("part %02d/file-%03d.bin", task%10, task)
		content := make([]byte, 1+chaos.IntN(16<<10))
		for i := range content {
			content[i] = byte(chaos.Uint32())
		}
		r.inputs[name] = content
		path := filepath.Join(r.dir, "InputFiles", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return nil, err
		}
	}
	return r, os.WriteFile(r.file("workload.yaml"), []byte(r.workload()), 0o644)
}

func (r *chaosRun) file(name string) string { return filepath.Join(r.dir, name) }

// workload has each task write down that it began, outside of its directory.
// Nothing is retried that exits with another code than 0.
func (r *chaosRun) workload() string {
	return fmt.Sprintf(`name: chaos
inputs: {dir: InputFiles}
%s
task:
  command: |
    echo {{index}} >> '%s'
    { sha256sum < {{input}} && cat {{input}}; } > {{output}}
  output: "{{dir}}/{{stem}}.out"
timeout: 2h
outputs: {dir: OutputFiles}
cleanup: {when: always}
`, poolOf(4), r.file("began"))
}

// written is what the task of an input has to write.
func written(input []byte) []byte {
	return append(fmt.Appendf(nil, "%x  -\n", sha256.Sum256(input)), input...)
}

// run runs it to its end and says what is wrong with that.
func (r *chaosRun) run(ctx context.Context) error {
	began := time.Now()
	if _, err := r.insist(ctx, "start", "--json", "--id", r.id, r.file("workload.yaml")); err != nil {
		return err
	}
	text, err := r.insist(ctx, "watch", "--json", r.id)
	if err != nil {
		return err
	}
	r.took = time.Since(began)
	if err := json.Unmarshal(text, &r.report); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return errors.Join(r.checkReport(), r.checkOutputs(), r.checkAttempts(ctx))
}

// insist has starter do something, and do it again while Temporal cannot be
// reached, which is all that starter needs.
func (r *chaosRun) insist(ctx context.Context, args ...string) ([]byte, error) {
	for {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "starter"), args...)
		var stdout, stderr bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = r.environ(), &stdout, &stderr
		child, err := startChild(cmd)
		if err != nil {
			return nil, err
		}
		<-child.ended
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: starter %s:\n%s", context.Cause(ctx), strings.Join(args, " "), last(stderr.String(), 2000))
		case child.ProcessState.ExitCode() == exitUnreachable:
			r.again++
			continue
		case r.again > 0 && strings.Contains(stderr.String(), "there is a run "+r.id+" already"):
			return nil, nil // the start before had its effect, and its answer was lost, as starter said then
		case child.err != nil:
			return nil, fmt.Errorf("starter %s: %w\n%s%s", strings.Join(args, " "), child.err, last(stderr.String(), 4000), stdout.String())
		}
		return stdout.Bytes(), nil
	}
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

func (r *chaosRun) checkReport() error {
	whole := workload.Counts{Total: int64(len(r.inputs)), Succeeded: int64(len(r.inputs))}
	if r.report.Outcome != workload.Succeeded || r.report.Counts != whole {
		return fmt.Errorf("the run ended %s: %s (%+v)", r.report.Outcome, r.report.Verdict, r.report.Failures)
	}
	if len(r.report.Left) > 0 {
		return fmt.Errorf("the report says that something is left: %q", r.report.Left)
	}
	return nil
}

// checkOutputs: there is an output for each input, it is right, and there is
// nothing else but the report.
func (r *chaosRun) checkOutputs() error {
	var wrong error
	for name, content := range r.inputs {
		path := r.file(filepath.Join("OutputFiles", strings.TrimSuffix(name, ".bin")+".out"))
		got, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(got, written(content)) {
			err = fmt.Errorf("%s is not what its task writes: %d bytes", path, len(got))
		}
		wrong = errors.Join(wrong, err)
	}
	files := 0
	err := filepath.WalkDir(r.file("OutputFiles"), func(_ string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != workload.ReportFile {
			files++
		}
		return err
	})
	if files != len(r.inputs) {
		err = errors.Join(err, fmt.Errorf("%d files were fetched for %d inputs", files, len(r.inputs)))
	}
	return errors.Join(wrong, err)
}

// checkAttempts: each task began at least once and at most as often as its
// result says. One that was killed before its first line counts as an attempt
// and did not begin.
func (r *chaosRun) checkAttempts(ctx context.Context) error {
	text, err := os.ReadFile(r.file("began"))
	if err != nil {
		return err
	}
	began := map[string]int32{}
	for line := range strings.Lines(string(text)) {
		began[strings.TrimSpace(line)]++
		r.begun++
	}
	parts := transfer.Parts[workload.Result]{Container: r.direct.Container(r.report.Resources.OutputContainer), Prefix: r.report.Results}
	results, wrong := 0, error(nil)
	err = again(ctx, func() error {
		results, wrong, r.counted = 0, nil, 0
		for result, err := range parts.All(ctx) {
			if err != nil {
				return err
			}
			results++
			r.counted += int64(result.Attempts)
			if n := began[fmt.Sprintf("%08d", result.Index)]; n < 1 || n > result.Attempts {
				wrong = errors.Join(wrong, fmt.Errorf("%s began %d times, and its result says %d", result.Name, n, result.Attempts))
			}
		}
		return nil
	})
	if results != len(r.inputs) {
		wrong = errors.Join(wrong, fmt.Errorf("%d results for %d inputs", results, len(r.inputs)))
	}
	return errors.Join(err, wrong)
}

// again does what needs a service that is being killed until it succeeds.
func again(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// forget deletes what the run leaves by right, so that hundreds of runs do not
// fill the disk, and Azurite's index, which it writes whole each time.
func (r *chaosRun) forget(ctx context.Context) error {
	name := r.report.Resources.OutputContainer
	err := again(ctx, func() error {
		_, err := r.direct.Container(name).Delete(ctx, nil)
		if isNotFound(err) {
			return nil // an attempt before this one, whose answer was lost
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(r.dir))
}
