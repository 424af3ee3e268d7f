package azure

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drip is a body of which a little comes now and then.
type drip struct {
	rest int
	tick <-chan time.Time
}

func (d *drip) Read(p []byte) (int, error) {
	if d.rest == 0 {
		return 0, io.EOF
	}
	<-d.tick
	d.rest--
	return copy(p, "x"), nil
}

func TestAConnectionThatMovesIsNotStalled(t *testing.T) {
	t.Parallel()
	const stall, pieces = 200 * time.Millisecond, 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got bytes.Buffer
		_, err := io.Copy(&got, r.Body)
		if err == nil {
			_, _ = got.WriteTo(w)
		}
	}))
	t.Cleanup(server.Close)
	ticker := time.NewTicker(stall / 8)
	defer ticker.Stop()
	transport := newTransport(stall)
	t.Cleanup(transport.CloseIdleConnections)

	// The whole takes longer than a stall may, and no answer comes before its end.
	started := time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, &drip{pieces, ticker.C})
	require.NoError(t, err)
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Len(t, answer, pieces)
	require.Greater(t, time.Since(started), stall)
}

func TestUserAgentSaysWhoCalls(t *testing.T) {
	t.Parallel()
	agents := make(chan string, 1)
	client := batchAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		w.WriteHeader(http.StatusNotFound)
	}), testKey)
	exists, err := PoolExists(t.Context(), client, "p")
	require.NoError(t, err)
	require.False(t, exists)
	require.Regexp(t, "^durabatch ", <-agents)
}

func TestExistence(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	client := batchAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"id":"x"}`)
	}), testKey)
	for _, test := range []struct {
		status int
		exists bool
		err    bool
	}{{http.StatusOK, true, false}, {http.StatusNotFound, false, false}, {http.StatusForbidden, false, true}} {
		status.Store(int32(test.status))
		pool, err := PoolExists(t.Context(), client, "x")
		require.Equal(t, test.err, err != nil)
		require.Equal(t, test.exists, pool)
		job, err := JobExists(t.Context(), client, "x")
		require.Equal(t, test.err, err != nil)
		require.Equal(t, test.exists, job)
	}
}
