package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type diagnosis struct {
	Healthy  bool
	Findings []struct{ Check, State, Detail, Cure string }
}

func (d diagnosis) of(check string) (state, detail, cure string) {
	for _, f := range d.Findings {
		if f.Check == check {
			return f.State, f.Detail, f.Cure
		}
	}
	return "", "", ""
}

// doctor asks for a diagnosis with some variables of the environment changed.
func (s *stack) doctor(t *testing.T, code int, changed map[string]string) diagnosis {
	t.Helper()
	with := &stack{env: maps.Clone(s.env)}
	maps.Copy(with.env, changed)
	got := with.starter(t, "doctor", "--json")
	require.Equal(t, code, got.code, "%s%s", got.stdout, got.stderr)
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &d), got.stdout)
	require.Equal(t, code == exitSucceeded, d.Healthy)
	return d
}

// TestDoctor: a stack that is well, and what is said of each part that is not.
func TestDoctor(t *testing.T) {
	t.Parallel()
	s := shared(t)
	well := s.doctor(t, exitSucceeded, nil)
	for _, check := range []string{"Temporal", "worker", "storage", "storage clock", "Batch", "Batch clock"} {
		state, detail, _ := well.of(check)
		require.Equal(t, "ok", state, "%s: %s", check, detail)
	}
	state, _, cure := well.of("quotas")
	require.Equal(t, "unknown", state)
	require.Contains(t, cure, "az batch account show")

	for name, c := range map[string]struct {
		variable, value, check, detail, cure string
	}{
		"no Temporal":     {"TEMPORAL_ADDRESS", "127.0.0.1:1", "Temporal", "does not answer", "bin/local up"},
		"no namespace":    {"TEMPORAL_NAMESPACE", "none-such", "Temporal", "none-such cannot be used", "TEMPORAL_NAMESPACE"},
		"no Batch":        {"AZURE_BATCH_ENDPOINT", "http://127.0.0.1:1", "Batch", "connection refused", "check the endpoint"},
		"no Batch set up": {"AZURE_BATCH_ENDPOINT", "", "Batch", "AZURE_BATCH_ENDPOINT is not set", ""},
		"another key":     {"AZURE_BATCH_ACCOUNT_KEY", base64.StdEncoding.EncodeToString([]byte("another")), "Batch", "AuthenticationFailed", "key"},
		"no storage":      {"AZURE_STORAGE_CONNECTION_STRING", "", "storage", "neither AZURE_STORAGE_CONNECTION_STRING", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, detail, cure := s.doctor(t, exitUnreachable, map[string]string{c.variable: c.value}).of(c.check)
			require.Equal(t, "error", state)
			require.Contains(t, detail, c.detail)
			require.Contains(t, cure, c.cure)
		})
	}

	t.Run("a clock that is wrong", func(t *testing.T) {
		t.Parallel()
		to, err := url.Parse(s.env["AZURE_BATCH_ENDPOINT"])
		require.NoError(t, err)
		proxy := &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host },
			ModifyResponse: func(r *http.Response) error {
				r.Header.Set("Date", time.Now().Add(20*time.Minute).UTC().Format(http.TimeFormat))
				return nil
			},
		}
		server := httptest.NewServer(proxy)
		t.Cleanup(server.Close)
		state, detail, cure := s.doctor(t, exitUnreachable, map[string]string{"AZURE_BATCH_ENDPOINT": server.URL}).of("Batch clock")
		require.Equal(t, "error", state)
		require.Contains(t, detail, "20m0s behind the service's")
		require.Contains(t, cure, "NTP")
	})
}
