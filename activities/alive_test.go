package activities

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestStepsHeartbeatWhileNobodyAnswers: a service that is slow to answer is no
// worker that is dead, and nothing is done twice because of it.
func TestStepsHeartbeatWhileNobodyAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*world)
		step    func(*world, ...option) error
	}{
		"Scan of a container": {func(w *world) { w.inContainer("a.txt") }, func(w *world, o ...option) error {
			in := w.scanInput()
			in.Inputs = workload.Inputs{Container: w.in()}
			_, err := run(w, w.Scan, in, o...)
			return err
		}},
		"Gather": {func(w *world) { w.listed("a.txt") }, func(w *world, o ...option) error {
			_, err := run(w, w.Gather, w.gatherInput(1), o...)
			return err
		}},
		"DeleteContainer": {func(w *world) {
			require.NoError(w.t, w.createContainer(w.t.Context(), w.in(), w.owner))
		}, func(w *world, o ...option) error {
			return do(w, w.DeleteContainer, DeleteContainerInput{Owner: w.owner, Container: w.in()}, o...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silence := &silence{until: make(chan struct{})}
			w := newWorldOn(t, silence.before(t))
			c.prepare(w)
			silence.falls.Store(true)
			heard := heard(func(workload.Progress) {
				if silence.asked.Load() && silence.falls.CompareAndSwap(true, false) {
					close(silence.until)
				}
			})
			require.NoError(t, c.step(w, heard), "it goes on once it has been heard")
		})
	}
}

// silence is a storage account that answers nothing for a while.
type silence struct {
	falls, asked atomic.Bool
	until        chan struct{}
}

// before is the connection string of the account.
func (s *silence) before(t *testing.T) string {
	t.Helper()
	target, err := url.Parse(azurite.Endpoint)
	require.NoError(t, err)
	target.Path = ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.falls.Load() {
			s.asked.Store(true)
			select {
			case <-s.until:
			case <-r.Context().Done():
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return strings.Replace(azurite.ConnectionString(), target.String(), server.URL, 1)
}

// TestLostRecordsEndWithTheirNames, since no other attempt finds them.
func TestLostRecordsEndWithTheirNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(1, "a.txt")
	list := listPrefix + "/part-00000.jsonl"
	w.put(list, "this is no list\n")
	_, err := run(w, w.Gather, w.gatherInput(1))
	requireRefused(w, err, RecordBroken)
	require.ErrorContains(t, err, list)

	_, err = w.Storage.Container(w.out()).NewBlobClient(list).Delete(t.Context(), nil)
	require.NoError(t, err)
	_, err = run(w, w.Upload, w.uploadInput(scanned))
	requireRefused(w, err, RecordBroken)
	submit := w.submitInput(1)
	submit.FollowList = true
	_, err = run(w, w.Submit, submit)
	requireRefused(w, err, RecordBroken)

	w.put(reissueBlob, "{")
	_, err = w.reissuesOf(t.Context(), w.out())
	requireRefused(w, err, RecordBroken)
}

// TestGatherWritesAgainWhatIsLost of the results of an attempt before it.
func TestGatherWritesAgainWhatIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a.txt", "b.txt")
	lost := workload.Progress{Step: "gather", Part: 1, Counts: workload.Counts{Total: 2, Unfinished: 1}}
	gathered := mustRun(w, w.Gather, w.gatherInput(2), from(lost))
	require.Equal(t, workload.Counts{Total: 2, Unfinished: 2}, gathered.Counts)
	require.Len(t, w.results(), 2)
}
