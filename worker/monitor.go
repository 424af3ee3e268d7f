package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/telemetry"
)

// monitor lets the worker be watched from outside: metrics and health over
// HTTP where an address is set, and traces where an endpoint is.
type monitor struct {
	metrics *telemetry.Metrics
	traces  telemetry.Traces
	counts  *activities.Metrics
	server  *http.Server
	log     *slog.Logger

	temporal atomic.Pointer[client.Client] // nil: not ready, or not any more
}

// newMonitor listens at once, so that an address that is taken is found out
// before any work is.
func newMonitor(settings settings, logger *slog.Logger) (*monitor, error) {
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		return nil, err
	}
	m := &monitor{metrics: metrics, traces: settings.traces, log: logger}
	if m.counts, err = activities.NewMetrics(metrics.Meter()); err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("telemetry could not be sent; it is dropped", "error", err)
	}))
	if settings.listen == "" {
		return m, nil
	}
	listener, err := net.Listen("tcp", settings.listen)
	if err != nil {
		return nil, exitf(exitUsage, "DURABATCH_LISTEN: %w", err)
	}
	logger.Info("metrics and health checks are served", "address", listener.Addr().String())
	m.server = &http.Server{Handler: m.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("metrics and health checks are not served any more", "error", err)
		}
	}()
	return m, nil
}

// observe has the clients of Azure and Temporal record what they do.
func (m *monitor) observe(s *settings) error {
	tracing, err := m.traces.Interceptors()
	if err != nil {
		return err
	}
	s.temporal.Interceptors = append(s.temporal.Interceptors, tracing...)
	s.temporal.MetricsHandler = m.metrics.Temporal()
	s.azure.Throttled = m.counts.Throttled
	s.azure.Tracing = m.traces.Azure()
	return nil
}

func (m *monitor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := m.isReady(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, azure.Scrub(err.Error()))
			return
		}
		say(w, http.StatusOK, "ready")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a prober that has gone needs no answer
}

// ready says that the worker takes work from the Temporal of c.
func (m *monitor) ready(c client.Client) { m.temporal.Store(&c) }

// stopping says that it takes none any more.
func (m *monitor) stopping() { m.temporal.Store(nil) }

// isReady is an error when work that comes now would not be taken.
func (m *monitor) isReady(ctx context.Context) error {
	c := m.temporal.Load()
	if c == nil {
		return errors.New("the worker is starting or stopping")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := (*c).CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return errors.New("Temporal does not answer: " + err.Error())
	}
	return nil
}

// flushPatience is how long the end of the process may wait for the last spans.
const flushPatience = 5 * time.Second

// close sends the last spans and stops serving.
func (m *monitor) close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushPatience)
	defer cancel()
	if err := m.traces.Close(ctx); err != nil {
		m.log.Warn("the last traces could not be sent; they are dropped", "error", err)
	}
	if m.server != nil {
		_ = m.server.Close()
	}
}
