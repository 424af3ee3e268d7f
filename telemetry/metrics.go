package telemetry

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// Metrics are one process's.
type Metrics struct {
	meter    metric.Meter
	registry *prometheus.Registry
}

// seconds are the bounds of every histogram: from an answer of Temporal's to an
// activity that takes half a day.
var seconds = []float64{0.005, 0.02, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 7200, 43200}

// NewMetrics makes metrics that no other process or test shares, with those of
// the Go runtime and of the process among them.
func NewMetrics() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithView(described))
	return &Metrics{meter: provider.Meter("durabatch"), registry: registry}, nil
}

// Meter makes instruments. They are named with underscores and without the
// endings for units and totals, which Prometheus's names get by themselves.
func (m *Metrics) Meter() metric.Meter { return m.meter }

// Handler answers GET with the metrics in Prometheus's text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Temporal lets Temporal's SDK record its own metrics, and a workflow count
// what a replay must not count again.
func (m *Metrics) Temporal() client.MetricsHandler {
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{Meter: m.meter, UseMonotonicCounters: true})
}

// counted are the metrics that workflows record, which Temporal's interface
// gives no room to describe.
var counted = map[string]string{
	"durabatch_runs":  "Runs that have ended, by outcome.",
	"durabatch_tasks": "Tasks of runs that have ended, by what became of them.",
}

// described gives what came without a description one, and histograms their
// bounds.
func described(i sdk.Instrument) (sdk.Stream, bool) {
	stream := sdk.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit}
	if stream.Description == "" {
		stream.Description = counted[i.Name]
	}
	if stream.Description == "" && strings.HasPrefix(i.Name, "temporal_") {
		stream.Description = "Of Temporal's Go SDK, as its metrics reference describes it."
	}
	if i.Kind == sdk.InstrumentKindHistogram {
		stream.Aggregation = sdk.AggregationExplicitBucketHistogram{Boundaries: seconds}
	}
	return stream, true
}
