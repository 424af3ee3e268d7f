package telemetry_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/telemetry"
)

func reader(text string) io.Reader { return strings.NewReader(text) }

func read(t *testing.T, from io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(from)
	require.NoError(t, err)
	return string(text)
}

func TestWithoutAnEndpointThereAreNoTraces(t *testing.T) {
	t.Parallel()
	traces, err := telemetry.NewTraces(t.Context(), func(string) string { return "" }, "test", nil)
	require.NoError(t, err)
	interceptors, err := traces.Interceptors()
	require.NoError(t, err)
	require.Empty(t, interceptors)
	require.Equal(t, tracing.Provider{}, traces.Azure())
	require.NoError(t, traces.Close(t.Context()))
}

// TestTracesAreScrubbed sends spans with a secret to a collector.
func TestTracesAreScrubbed(t *testing.T) {
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		got <- r.URL.Path + " " + string(text)
	}))
	t.Cleanup(collector.Close)
	t.Setenv(telemetry.EnvEndpoint, collector.URL)
	traces, err := telemetry.NewTraces(t.Context(), func(name string) string {
		if name == telemetry.EnvEndpoint {
			return collector.URL
		}
		return ""
	}, "a-service", func(text string) string { return strings.ReplaceAll(text, "secret", "REDACTED") })
	require.NoError(t, err)

	_, span := traces.Azure().NewTracer("test", "").Start(t.Context(), "Client.GetPool", nil)
	span.SetAttributes(tracing.Attribute{Key: "url", Value: "https://host/?sig=secret"})
	span.AddEvent("retry", tracing.Attribute{Key: "why", Value: "secret event"})
	span.SetStatus(tracing.SpanStatusError, errors.New("secret status").Error())
	span.End()
	require.NoError(t, traces.Close(t.Context()))

	sent := <-got
	require.True(t, strings.HasPrefix(sent, "/v1/traces "))
	for _, text := range []string{"a-service", "Client.GetPool", "sig=REDACTED", "REDACTED event", "REDACTED status"} {
		require.Contains(t, sent, text)
	}
	require.NotContains(t, sent, "secret")
}
