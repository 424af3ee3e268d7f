package activities

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// lookAtPool finds out whether the pool has, or will have, nodes that can run
// tasks.
func (w *wait) lookAtPool(ctx context.Context, seen *sight) error {
	in := w.in
	pool, err := w.Batch.GetPool(ctx, in.Pool, &azbatch.GetPoolOptions{SelectParam: []string{
		"id", "state", "allocationState", "resizeErrors", "enableAutoScale", "autoScaleFormula", "vmSize",
	}})
	if gone := fail(err, "look at pool %s", in.Pool); isGone(gone) {
		seen.failure = &workload.Failure{Code: "PoolNotFound",
			Message: fmt.Sprintf("pool %s does not exist any more: somebody deleted it, or the Batch service lost it", in.Pool)}
		return nil
	} else if gone != nil {
		return gone
	}
	if value(pool.State) == azbatch.PoolStateDeleting {
		seen.failure = &workload.Failure{Code: "PoolBeingDeleted", Message: fmt.Sprintf("somebody deletes pool %s", in.Pool)}
		return nil
	}
	nodes, paid, err := w.nodeCounts(ctx, in.Pool)
	if err != nil {
		return err
	}
	seen.nodes = nodes
	w.account(time.Now(), value(pool.VMSize), paid)
	if nodes.total() > 0 && nodes.of(azbatch.NodeStateIdle, azbatch.NodeStateRunning) == 0 {
		seen.reason = fmt.Sprintf("no node of pool %s is ready yet: %s", in.Pool, nodes)
	}
	if value(pool.AllocationState) == azbatch.AllocationStateSteady {
		err = w.judgeNodes(ctx, pool.ResizeErrors, nodes, seen)
	}
	if err == nil && seen.failure == nil {
		w.renew(ctx, pool.Pool, seen)
	}
	return err
}

// judgeNodes looks at a pool that is as large as it is going to be.
func (w *wait) judgeNodes(ctx context.Context, resizeErrors []azbatch.ResizeError, nodes nodeCounts, seen *sight) error {
	in := w.in
	broken := nodes.of(azbatch.NodeStateStartTaskFailed, azbatch.NodeStateUnusable)
	switch {
	case broken > 0 && broken == nodes.total():
		failure, err := w.brokenNode(ctx)
		if !in.OwnPool && failure != nil {
			seen.reason, failure = failure.Message, nil // its owner may mend it
		}
		seen.failure = failure
		return err
	case nodes.total() == 0 && len(resizeErrors) > 0:
		seen.judgeResize(in, resizeErrors)
	case nodes.total() == 0:
		seen.reason = fmt.Sprintf("pool %s has no nodes", in.Pool)
	case broken > 0:
		seen.reason = fmt.Sprintf("%d of %d nodes cannot run tasks (start task failed or unusable)", broken, nodes.total())
	}
	return nil
}

// judgeResize ends the run for errors that do not clear by themselves and
// shows the others as the reason of the wait.
func (s *sight) judgeResize(in WaitInput, resizeErrors []azbatch.ResizeError) {
	for _, e := range resizeErrors {
		permanent, advice := azure.ResizeError(value(e.Code))
		message := fmt.Sprintf("pool %s got no nodes: %s: %s. %s", in.Pool, value(e.Code), firstLine(value(e.Message)), advice)
		if permanent && in.OwnPool {
			s.failure = &workload.Failure{Code: value(e.Code), Message: message}
			return
		}
		s.reason = message
	}
}

// brokenNode tells what is wrong with one of the pool's broken nodes; they
// are usually broken alike.
func (w *wait) brokenNode(ctx context.Context) (*workload.Failure, error) {
	pool := w.in.Pool
	pager := w.Batch.NewListNodesPager(pool, &azbatch.ListNodesOptions{
		Filter:      to.Ptr("state eq 'starttaskfailed' or state eq 'unusable'"),
		SelectParam: []string{"id", "state", "startTaskInfo", "errors"},
		MaxResults:  to.Ptr[int32](1),
	})
	page, err := pager.NextPage(ctx)
	if err != nil || len(page.Value) == 0 {
		return nil, fail(err, "list the nodes of pool %s", pool)
	}
	node := page.Value[0]
	failure := &workload.Failure{Node: value(node.ID)}
	if value(node.State) == azbatch.NodeStateStartTaskFailed {
		w.startTaskFailure(ctx, node, failure)
		return failure, nil
	}
	failure.Code = "NodesUnusable"
	failure.Message = fmt.Sprintf("no node of pool %s is usable%s", pool, nodeErrors(node.Errors))
	return failure, nil
}

func (w *wait) startTaskFailure(ctx context.Context, node azbatch.Node, failure *workload.Failure) {
	pool := w.in.Pool
	failure.Code = "StartTaskFailed"
	failure.Message = fmt.Sprintf("the start task (pool.startTask) failed on every node of pool %s", pool)
	if info := node.StartTaskInfo; info != nil {
		failure.ExitCode = info.ExitCode
		switch {
		case info.ExitCode != nil:
			failure.Message += fmt.Sprintf(" with exit code %d", *info.ExitCode)
		case info.FailureInfo != nil:
			failure.Message += ": " + firstLine(value(info.FailureInfo.Message))
		}
	}
	failure.Stderr = w.startTaskStderr(ctx, pool, value(node.ID))
	failure.Logs = w.keepStartTaskLogs(ctx, value(node.ID))
}

// startTaskStderr reads the end of the start task's stderr from the node: no
// output file can carry it. It is evidence, so a failure to get it is
// told in its place.
func (a *Activities) startTaskStderr(ctx context.Context, pool, node string) string {
	const file = "startup/stderr.txt"
	properties, err := a.Batch.GetNodeFileProperties(ctx, pool, node, file, nil)
	if err != nil {
		return fmt.Sprintf("(%s on node %s could not be read: %s)", file, node, azure.Explain(err))
	}
	options := &azbatch.GetNodeFileOptions{}
	if size := value(properties.ContentLength); size > stderrTail {
		options.OCPRange = to.Ptr(fmt.Sprintf("bytes=%d-%d", size-stderrTail, size-1))
	}
	answer, err := a.Batch.GetNodeFile(ctx, pool, node, file, options)
	if err != nil {
		return fmt.Sprintf("(%s on node %s could not be read: %s)", file, node, azure.Explain(err))
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, stderrTail))
	if err != nil {
		return fmt.Sprintf("(%s on node %s could not be read to its end: %s)", file, node, azure.Explain(err))
	}
	return lastLines(string(text))
}

// stderrTail is how many bytes of a stderr are worth reading.
const stderrTail = 4096

// lastLines keeps what a report has room for.
func lastLines(text string) string {
	const lines, bytes = 10, 1000
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	tail := strings.Join(all[max(0, len(all)-lines):], "\n")
	return azure.Scrub(strings.ToValidUTF8(tail[max(0, len(tail)-bytes):], ""))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return azure.Scrub(line)
}

func nodeErrors(errs []azbatch.NodeError) string {
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprintf(": %s: %s", value(errs[0].Code), firstLine(value(errs[0].Message)))
}
