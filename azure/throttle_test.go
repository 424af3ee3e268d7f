package azure

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThrottlesAreTold though the retries hide them.
func TestThrottlesAreTold(t *testing.T) {
	t.Parallel()
	answers := []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusNotFound}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var told []string
	cfg := Config{BatchEndpoint: server.URL, BatchAccountName: "myaccount", BatchAccountKey: testKey, Throttled: func(service string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, service)
	}}
	options := clientOptions(cfg, BatchService)
	options.Retry.RetryDelay = 1
	t.Cleanup(options.Transport.(*http.Client).CloseIdleConnections)
	client, err := newBatchWithKey(cfg, options)
	require.NoError(t, err)
	exists, err := JobExists(t.Context(), client, "job")
	for err != nil && len(answers) > 0 { // a call has fewer tries than there are answers
		exists, err = JobExists(t.Context(), client, "job")
	}
	require.NoError(t, err)
	require.False(t, exists)
	require.Equal(t, []string{BatchService, BatchService}, told)
}
