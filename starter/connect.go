package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/codec"
	"github.com/durabatch/durabatch/telemetry"
)

// server is the Temporal that runs are started on.
type server struct {
	client.Client
	address, namespace string
	converter          converter.DataConverter
	ui                 string // address of its web UI, or "" where it is not known
	traces             telemetry.Traces
}

// connect finds Temporal by the environment and the profiles that its own CLI
// uses, and gives up with exit code 3 when it does not answer.
func (s *starter) connect(ctx context.Context) (*server, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: s.environ})
	if err != nil {
		return nil, usagef("the settings of Temporal (TEMPORAL_* and its profiles) cannot be used: %w", err)
	}
	secrets, err := codec.FromEnvironment(s.environ.Get)
	if err != nil {
		return nil, usagef("the key that payloads are encrypted with cannot be used: %w", err)
	}
	secrets.ForClient(&options)
	traces, err := telemetry.NewTraces(ctx, s.environ.Get, "durabatch-starter", azure.Scrub)
	if err == nil {
		options.Interceptors, err = traces.Interceptors()
	}
	if err != nil {
		return nil, usagef("the settings of OpenTelemetry (OTEL_*) cannot be used: %w", err)
	}
	options.Logger = log.NewStructuredLogger(slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	dial, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	c, err := client.DialContext(dial, options)
	if ctx.Err() != nil {
		return nil, exitWith(exitInterrupted)
	}
	if err != nil {
		return nil, unreachablef("Temporal does not answer at %s: %w. Start it (bin/local up), or set TEMPORAL_ADDRESS", options.HostPort, err)
	}
	return &server{Client: c, address: options.HostPort, namespace: options.Namespace, converter: options.DataConverter, ui: s.webUI(options.HostPort), traces: traces}, nil
}

// Close ends the connection and sends the spans of what was done over it.
func (t *server) Close() {
	t.Client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_ = t.traces.Close(ctx) // nobody waits for a trace that cannot be sent
}

// webUI is where the web UI of a Temporal is: where DURABATCH_UI says, or, as
// for the dev server, 1000 ports above the Temporal of this machine.
func (s *starter) webUI(address string) string {
	if ui := s.environ.Get("DURABATCH_UI"); ui != "" {
		return strings.TrimRight(ui, "/")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	number, err := strconv.Atoi(port)
	if ip := net.ParseIP(host); err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return ""
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(number+1000))
}

// page is the web UI's page of a run, or "".
func (t *server) page(workflowID, runID string) string {
	if t.ui == "" {
		return ""
	}
	return t.ui + "/namespaces/" + url.PathEscape(t.namespace) + "/workflows/" + url.PathEscape(workflowID) + "/" + url.PathEscape(runID)
}

// polled says whether a worker took work from a task queue lately. A poll
// waits for a minute at most, so an older one is a worker that is gone.
func (t *server) polled(ctx context.Context, queue string, kind enumspb.TaskQueueType) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := t.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return false, err
	}
	for _, poller := range described.GetPollers() {
		if time.Since(poller.GetLastAccessTime().AsTime()) < 90*time.Second {
			return true, nil
		}
	}
	return false, nil
}

// callTimeout bounds one call to Temporal.
const callTimeout = 5 * time.Second

// explain turns an error of a call about a run into one that says what to do.
func (t *server) explain(err error, workflowID, doing string) error {
	notFound := (*serviceerror.NotFound)(nil)
	if errors.As(err, &notFound) {
		return usagef("there is no run %s in namespace %s at %s. See which there are: starter list", nameOf(workflowID), t.namespace, t.address)
	}
	if missing := (*serviceerror.NamespaceNotFound)(nil); errors.As(err, &missing) {
		return t.noNamespace()
	}
	if isUnreachable(err) {
		return unreachablef("could not %s run %s: Temporal at %s does not answer: %w. Try again when it is back", doing, nameOf(workflowID), t.address, err)
	}
	return failedf("could not %s run %s: %w", doing, nameOf(workflowID), err)
}

func (t *server) noNamespace() error {
	return usagef("there is no namespace %s at %s: set TEMPORAL_NAMESPACE to one that there is, or make it with temporal operator namespace create", t.namespace, t.address)
}

func isUnreachable(err error) bool {
	unavailable, deadline := (*serviceerror.Unavailable)(nil), (*serviceerror.DeadlineExceeded)(nil)
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded)
}

// isNoWorker says that a run was there and no worker answered for it.
func isNoWorker(err error) bool {
	precondition := (*serviceerror.FailedPrecondition)(nil)
	return errors.As(err, &precondition) || isUnreachable(err)
}

// workflowType is what runs are listed by.
const workflowType = "RunWorkload"
