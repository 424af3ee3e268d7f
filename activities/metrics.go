package activities

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/durabatch/durabatch/azure"
)

// Metrics count what the activities of one process do. A nil *Metrics counts
// nothing. docs/operations.md says what each means and when to worry.
type Metrics struct {
	moved, throttles, renewals, deletions metric.Int64Counter
	tasks, nodes                          metric.Int64UpDownCounter
}

// NewMetrics makes the instruments.
func NewMetrics(meter metric.Meter) (*Metrics, error) {
	var problems []error
	counter := func(name, description string, options ...metric.Int64CounterOption) metric.Int64Counter {
		c, err := meter.Int64Counter(name, append(options, metric.WithDescription(description))...)
		problems = append(problems, err)
		return c
	}
	level := func(name, description string) metric.Int64UpDownCounter {
		c, err := meter.Int64UpDownCounter(name, metric.WithDescription(description))
		problems = append(problems, err)
		return c
	}
	m := &Metrics{
		moved:     counter("durabatch_moved", "Bytes of files sent to and received from Blob.", metric.WithUnit("By")),
		throttles: counter("durabatch_throttles", "Answers of Azure that asked to slow down, by service."),
		renewals:  counter("durabatch_lease_renewals", "Renewals of the leases of pools, by whether Batch took them."),
		deletions: counter("durabatch_janitor_deletions", "Leftovers that the Janitor tried to delete, by kind and by whether it could."),
		tasks:     level("durabatch_watched_tasks", "Tasks of the runs that this worker waits for, by state."),
		nodes:     level("durabatch_watched_nodes", "Nodes of the pools of the runs that this worker waits for, by state."),
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	m.begin()
	return m, nil
}

// begin shows every series at zero: Prometheus sees no increase in a series
// that begins with its first event.
func (m *Metrics) begin() {
	ctx := context.Background()
	for _, direction := range []string{sent, received} {
		m.moved.Add(ctx, 0, with("direction", direction))
	}
	for _, service := range []string{azure.BatchService, azure.BlobService} {
		m.throttles.Add(ctx, 0, with("service", service))
	}
	for _, outcome := range []string{done, failed} {
		m.renewals.Add(ctx, 0, with("outcome", outcome))
		for _, kind := range []string{poolKind, jobKind, containerKind} {
			m.deletions.Add(ctx, 0, with("kind", kind), with("outcome", outcome))
		}
	}
}

// Throttled counts an answer that asked to slow down, of the service that
// package azure names.
func (m *Metrics) Throttled(service string) {
	if m != nil {
		m.throttles.Add(context.Background(), 1, with("service", service))
	}
}

// The directions of what is moved.
const (
	sent     = "sent"
	received = "received"
)

func (m *Metrics) moves(ctx context.Context, direction string, bytes int64) {
	if m != nil && bytes > 0 {
		m.moved.Add(ctx, bytes, with("direction", direction))
	}
}

func (m *Metrics) renewed(ctx context.Context, err error) {
	if m != nil {
		m.renewals.Add(ctx, 1, with("outcome", outcomeOf(err)))
	}
}

func (m *Metrics) deleted(ctx context.Context, kind string, err error) {
	if m != nil {
		m.deletions.Add(ctx, 1, with("kind", kind), with("outcome", outcomeOf(err)))
	}
}

// The outcomes of what is counted.
const (
	done   = "done"
	failed = "failed"
)

func outcomeOf(err error) string {
	if err != nil {
		return failed
	}
	return done
}

func with(key, value string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String(key, value))
}

// watched is what one wait has added to the levels, which are sums over all
// waits of the process.
type watched struct {
	metrics *Metrics
	tasks   map[string]int64
	nodes   nodeCounts
}

// shows brings the levels to what the wait sees now; a zero sight takes out
// what it had added.
func (w *watched) shows(ctx context.Context, seen sight) {
	if w.metrics == nil {
		return
	}
	tasks := map[string]int64{
		string(azbatch.TaskStateActive): seen.counts.Active, string(azbatch.TaskStateRunning): seen.counts.Running,
	}
	change(ctx, w.metrics.tasks, w.tasks, tasks)
	change(ctx, w.metrics.nodes, w.nodes, seen.nodes)
	w.tasks, w.nodes = tasks, seen.nodes
}

func change[N int32 | int64](ctx context.Context, level metric.Int64UpDownCounter, from, to map[string]N) {
	for state, n := range from {
		level.Add(ctx, -int64(n), with("state", state))
	}
	for state, n := range to {
		level.Add(ctx, int64(n), with("state", state))
	}
}
