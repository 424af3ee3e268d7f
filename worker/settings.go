package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/codec"
	"github.com/durabatch/durabatch/telemetry"
	"github.com/durabatch/durabatch/transfer"
)

// settings are all that a worker is told.
type settings struct {
	azure    azure.Config
	temporal client.Options
	limits   transfer.Limits
	host     string // the name of this machine
	listen   string // host:port of the metrics and health checks; empty: none
	traces   telemetry.Traces
}

// exitError ends the program with a code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

// settingsFrom takes everything from the environment: arguments show in the
// list of processes.
func settingsFrom(args []string, environ environment) (settings, error) {
	if len(args) > 0 {
		return settings{}, exitf(exitUsage, "it takes no arguments, and got %q; everything is set in the environment:\n%s", args[0], usage)
	}
	config, err := azure.ConfigFromEnv(environ.Get)
	if err != nil {
		return settings{}, exitf(exitUsage, "Azure's accounts are not set up:\n%w", err)
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: environ})
	if err != nil {
		return settings{}, exitf(exitUsage, "the settings of Temporal (TEMPORAL_* and its profiles) cannot be used: %w", err)
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	secrets, err := codec.FromEnvironment(environ.Get)
	if err != nil {
		return settings{}, exitf(exitUsage, "the key that payloads are encrypted with cannot be used: %w", err)
	}
	secrets.ForWorker(&options)
	limits, err := transfer.LimitsFromEnv(environ.Get)
	if err != nil {
		return settings{}, exitf(exitUsage, "the limits of transfers cannot be used:\n%w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return settings{}, exitf(exitFailed, "this machine does not tell its name: %w", err)
	}
	listen := environ.Get("DURABATCH_LISTEN")
	if _, _, err := net.SplitHostPort(listen); listen != "" && err != nil {
		return settings{}, exitf(exitUsage, "DURABATCH_LISTEN is to be an address such as 127.0.0.1:9464: %w", err)
	}
	traces, err := telemetry.NewTraces(context.Background(), environ.Get, "durabatch-worker", azure.Scrub)
	if err != nil {
		return settings{}, exitf(exitUsage, "the settings of OpenTelemetry (OTEL_*) cannot be used: %w", err)
	}
	return settings{azure: config, temporal: options, limits: limits, host: host, listen: listen, traces: traces}, nil
}

const usage = `  AZURE_BATCH_ENDPOINT, AZURE_BATCH_ACCOUNT_NAME, AZURE_BATCH_ACCOUNT_KEY (or Entra ID)
  AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_BLOB_ENDPOINT with Entra ID
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the rest of Temporal's environment and profiles
  DURABATCH_CODEC_KEY_FILE or DURABATCH_CODEC_KEY: encrypt what Temporal keeps (starter codec --help)
  DURABATCH_TRANSFER_FILES, DURABATCH_TRANSFER_MEMORY, DURABATCH_TRANSFER_BANDWIDTH: what uploads and fetches
    may use together: files at once (default 32), bytes held (64MiB), bytes a second (no limit)
  DURABATCH_LOG_FORMAT: text (default) or json
  DURABATCH_LISTEN: address of /metrics, /healthz and /readyz (default: none)
  OTEL_EXPORTER_OTLP_ENDPOINT and the rest of OpenTelemetry's: where traces go (default: nowhere)`

// environment is a list of NAME=value, as os.Environ gives it; of two of one
// name the last counts, as it does for a process.
type environment []string

// Environ and LookupEnv make it an envconfig.EnvLookup.
func (e environment) Environ() []string { return e }

func (e environment) LookupEnv(name string) (string, bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if key, value, ok := strings.Cut(e[i], "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// Get answers "" where the variable is not set.
func (e environment) Get(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}
