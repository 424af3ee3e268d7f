package activities

import (
	"context"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/transfer"
)

// maxStartTaskLog bounds what is kept of a start task's stdout or stderr: the
// beginning, since its end is in the report.
const maxStartTaskLog = 4 << 20

// keepStartTaskLogs copies what a start task wrote from its node to the output
// container, since it goes with the node. It answers the prefix of the copies,
// or "" where there is none: the evidence must not stop the verdict.
func (w *wait) keepStartTaskLogs(ctx context.Context, node string) string {
	if w.in.OutputContainer == "" {
		return ""
	}
	prefix, kept := logsPrefix+"start-task/"+node, ""
	for _, name := range []string{"stdout.txt", "stderr.txt"} {
		text, err := w.startTaskLog(ctx, node, name)
		if err == nil {
			err = transfer.Put(ctx, w.Storage.Container(w.in.OutputContainer), prefix+"/"+name, text, "text/plain; charset=utf-8")
		}
		if err != nil {
			activity.GetLogger(ctx).Warn("the output of a start task could not be kept", "node", node, "file", name, "error", err)
			continue
		}
		kept = prefix
	}
	return kept
}

func (w *wait) startTaskLog(ctx context.Context, node, name string) ([]byte, error) {
	answer, err := w.Batch.GetNodeFile(ctx, w.in.Pool, node, "startup/"+name, &azbatch.GetNodeFileOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return io.ReadAll(io.LimitReader(answer.Body, maxStartTaskLog))
}
