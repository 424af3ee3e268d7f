package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workflows"
)

const bounds = "linear; 120 events, 24 kB, 300 MiB, 0.02 calls"

// workload is a document of a run whose tasks are imitated. They leave no
// outputs: its one output is a pattern of which nothing comes.
func workload(inputs map[string]any, pool map[string]any) map[string]any {
	return map[string]any{
		"name": "bench", "inputs": inputs, "pool": pool,
		"task":    map[string]any{"command": "cp {{input}} {{output}}", "output": "{{index}}.out"},
		"timeout": "6h", "cleanup": map[string]any{"when": "always"},
	}
}

var ownPool = map[string]any{
	"vmSize": "Standard_A1_v2", "dedicatedNodes": 4, "taskSlots": 4, "nodeAgentSku": "batch.node.ubuntu 24.04",
	"image": map[string]any{"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
}

// files are runs of small files in a directory, each ten or a hundred times as
// many as those before.
func (b *bench) files(ctx context.Context) ([]row, error) {
	var rows []row
	for _, n := range []int{10, 1000, b.size(100_000, 10_000)} {
		inputs := filepath.Join(b.dir, "inputs")
		if err := writeFiles(inputs, n); err != nil {
			return nil, err
		}
		host, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		r, err := b.one(ctx, "small files from a directory", n, workload(map[string]any{"dir": inputs, "host": host}, ownPool))
		if err := errors.Join(err, os.RemoveAll(inputs)); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// writeFiles makes n files of 64 bytes, a thousand in each directory.
func writeFiles(dir string, n int) error {
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("%04d", i/1000))
		if i%1000 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("%07d.bin", i)), fmt.Appendf(nil, "%064d", i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// manifest is a run of a manifest, of which nothing is uploaded.
func (b *bench) manifest(ctx context.Context) ([]row, error) {
	var rows []row
	for _, n := range []int{b.size(100_000, 1000), b.size(1_000_000, 20_000)} {
		path := filepath.Join(b.dir, "items.jsonl")
		if err := writeItems(path, n); err != nil {
			return nil, err
		}
		host, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		r, err := b.one(ctx, "items of a manifest", n, workload(map[string]any{"manifest": path, "host": host}, ownPool))
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func writeItems(path string, n int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	to := bufio.NewWriter(file)
	for i := range n {
		fmt.Fprintf(to, `{"name": "frames/%04d/%07d.png", "url": "http://127.0.0.1:1/frames/%07d.png", "vars": {"n": %d}}`+"\n", i/1000, i, i, i)
	}
	return errors.Join(to.Flush(), file.Close())
}

// one measures one run on a stack of its own.
func (b *bench) one(ctx context.Context, what string, files int, document map[string]any) (r row, err error) {
	dir, err := os.MkdirTemp(b.dir, "stack-")
	if err != nil {
		return row{}, err
	}
	s, err := start(ctx, b.bin, dir, true, b.log)
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	began := time.Now()
	id := fmt.Sprintf("bench-%d", files)
	if err := s.run(ctx, id, document); err != nil {
		return row{}, err
	}
	r = row{What: what, Files: files, Seconds: time.Since(began).Seconds(), Calls: float64(s.calls.Load()) / float64(files), Goal: bounds}
	if r.Events, r.History, err = s.history(ctx, id); err != nil {
		return row{}, err
	}
	r.Memory, err = s.peak()
	b.say("%s, %d: %.1f s, %d events, %d kB, %.0f MiB, %.4f calls a file", what, files, r.Seconds, r.Events, r.History, r.Memory, r.Calls)
	return r, err
}

// run runs a workload to its end, whatever its outcome: tasks that are imitated
// leave no outputs, which is a failure.
func (s *stack) run(ctx context.Context, id string, document map[string]any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	handle, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, "RunWorkload", json.RawMessage(text))
	if err != nil {
		return err
	}
	err = handle.Get(ctx, nil)
	if report, ok := workflows.ReportOf(err); ok && report.Counts.Failed == report.Files && report.Files > 0 {
		return nil
	}
	return err
}

func (s *stack) history(ctx context.Context, id string) (events, kb int64, err error) {
	described, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return 0, 0, err
	}
	info := described.GetWorkflowExecutionInfo()
	return info.GetHistoryLength(), info.GetHistorySizeBytes() / 1000, nil
}
