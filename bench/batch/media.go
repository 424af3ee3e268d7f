package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const copies = 40

// The command of the tasks and of xargs, but for how each names the files.
const ffmpeg = "ffmpeg -nostdin -loglevel error -y -i "

// conversions converts copies of a video on two nodes: of inputs that are on
// the disk already, as those of xargs are, and of inputs that come as resource
// files from a server of this program.
func (b *bench) conversions(ctx context.Context) ([]row, error) {
	inputs := filepath.Join(b.dir, "inputs")
	if err := b.makeInputs(ctx, inputs); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(inputs)), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // it ends when it is closed
	defer server.Close()
	s, _, err := b.start(ctx, "media")
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }() // the figures are taken by then
	if err := s.pool(ctx, "pool", 2); err != nil {
		return nil, err
	}
	var theirs, onDisk, fetched []float64
	for n := range b.runs {
		b.say("converting %d files, %d of %d", copies, n+1, b.runs)
		seconds, err := b.xargs(ctx, inputs)
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, seconds)
		seconds, err = s.convert(ctx, fmt.Sprint("disk-", n), func(i int) object {
			return object{"commandLine": ffmpeg + filepath.Join(inputs, clip(i)) + " out.mp3"}
		})
		if err != nil {
			return nil, err
		}
		onDisk = append(onDisk, seconds)
		seconds, err = s.convert(ctx, fmt.Sprint("fetched-", n), func(i int) object {
			file := object{"httpUrl": "http://" + listener.Addr().String() + "/" + clip(i), "filePath": clip(i)}
			return object{"commandLine": ffmpeg + clip(i) + " out.mp3", "resourceFiles": []object{file}}
		})
		if err != nil {
			return nil, err
		}
		fetched = append(fetched, seconds)
	}
	disk := beside(fmt.Sprintf("%d conversions, inputs on disk", copies), "s", "xargs -P2", onDisk, theirs)
	remote := beside("the same, inputs as resource files", "s", "xargs -P2, on disk", fetched, theirs)
	return []row{disk.atMost(disk.Ratio, 1.05), remote.atMost(remote.Ratio, 1.05)}, nil
}

func clip(i int) string { return fmt.Sprintf("clip-%02d.mp4", i) }

// makeInputs copies the video, or one that ffmpeg makes: twenty seconds of
// a test picture and a tone.
func (b *bench) makeInputs(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	source := b.media
	if source == "" {
		source = filepath.Join(b.dir, "source.mp4")
		cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y",
			"-f", "lavfi", "-i", "testsrc=duration=20:size=640x360:rate=25",
			"-f", "lavfi", "-i", "sine=frequency=440:duration=20:sample_rate=44100",
			"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make a video: %w\n%s", err, out)
		}
	}
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	for i := range copies {
		if err := os.WriteFile(filepath.Join(dir, clip(i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// xargs converts the files two at a time, with nothing around it.
func (b *bench) xargs(ctx context.Context, inputs string) (seconds float64, err error) {
	outputs, err := os.MkdirTemp(b.dir, "xargs-")
	if err != nil {
		return 0, err
	}
	var lines strings.Builder
	for i := range copies {
		fmt.Fprintln(&lines, i)
	}
	cmd := exec.CommandContext(ctx, "xargs", "-P2", "-I{}", "/bin/sh", "-c",
		fmt.Sprintf("exec %s$(printf '%s/clip-%%02d.mp4' {}) '%s/{}.mp3'", ffmpeg, inputs, outputs))
	cmd.Stdin = strings.NewReader(lines.String())
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("xargs: %w\n%s", err, out)
	}
	return time.Since(began).Seconds(), nil
}

// convert runs a job with a task for each file and says how long it took from
// the request that adds them until the last is completed.
func (s *service) convert(ctx context.Context, job string, task func(i int) object) (seconds float64, err error) {
	if err := s.job(ctx, job, "pool"); err != nil {
		return 0, err
	}
	var tasks []object
	for i := range copies {
		t := task(i)
		t["id"] = fmt.Sprint("clip-", i)
		tasks = append(tasks, t)
	}
	began := time.Now()
	if err := s.call(ctx, http.MethodPost, "/jobs/"+job+"/addtaskcollection", object{"value": tasks}, nil); err != nil {
		return 0, err
	}
	// A look costs the service, and so the conversions, a millisecond: few looks,
	// and the end as the service tells it.
	if err := s.completed(ctx, job, copies, 250*time.Millisecond); err != nil {
		return 0, err
	}
	ended, err := s.endOf(ctx, job)
	return ended.Sub(began).Seconds(), err
}

// endOf is when the last task of a job was completed.
func (s *service) endOf(ctx context.Context, job string) (last time.Time, err error) {
	var page struct {
		Value []struct{ ExecutionInfo struct{ EndTime time.Time } }
	}
	err = s.call(ctx, http.MethodGet, "/jobs/"+job+"/tasks?$select=executionInfo", nil, &page)
	for _, task := range page.Value {
		if task.ExecutionInfo.EndTime.After(last) {
			last = task.ExecutionInfo.EndTime
		}
	}
	return last, err
}
